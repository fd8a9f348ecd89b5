"""llama.cpp's server, from its wheel, on one GGUF with adapters: prints its address and serves until its input ends.

    python llama_server.py MODEL.gguf [ADAPTER.gguf ...]
"""

import sys

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.n_parallel = 8
parameters.n_ctx = 8 * 1024
parameters.cpuparams.n_threads = 2
parameters.cpuparams_batch.n_threads = 2
parameters.n_gpu_layers = 0
parameters.warmup = True
parameters.port = 0
parameters.endpoint_metrics = False
adapters = []
for path in sys.argv[2:]:
    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path, adapter.scale = path, 0.0
    adapters.append(adapter)
parameters.lora_adapters = adapters
parameters.lora_init_without_apply = True
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()
