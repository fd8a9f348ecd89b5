import Motet

let base = try await BaseModel.load("smollm2-135m-instruct")  // frozen from here on
let rows = try Dataset(contentsOf: "math.jsonl")
let math = try await Trainer(base, method: .lora(rank: 16, alpha: 32))
  .train(on: rows, name: "math") { print($0.step, $0.loss) }.adapter
try math.save(to: "adapters/math")  // a PEFT folder

let code = try Adapter.load("adapters/code", for: base)
for try await piece in base.generate("Solve 2x + 6 = 0 in Python.", mix: [code: 0.5, math: 0.4]) {
  print(piece, terminator: "")
}
let both = try Merge.svd(rank: 16)([math: 1, code: 1])  // one permanent adapter
try both.save(to: "adapters/both")
