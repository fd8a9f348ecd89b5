/// A chat template that Motet brings along, for bases without one of their own.
///
/// To add one, add a line to ``all``.
public struct BuiltInTemplate: Sendable {
  public let name: String
  /// The models that were trained with it.
  public let summary: String
  let source: String

  private init(_ name: String, _ summary: String, _ source: String) {
    self.name = name
    self.summary = summary
    self.source = source
  }

  public static let all: [BuiltInTemplate] = [
    BuiltInTemplate("alpaca", "instructions and responses in plain words", alpaca),
    BuiltInTemplate("chatml", "Qwen, SmolLM, Yi, Hermes", chatML),
    BuiltInTemplate("gemma", "Gemma, Gemma 2, Gemma 3", gemma),
    BuiltInTemplate("granite", "Granite 3", granite),
    BuiltInTemplate("llama2", "Llama 2", llama2),
    BuiltInTemplate("llama3", "Llama 3", llama3),
    BuiltInTemplate("mistral", "Mistral, Mixtral", mistral),
    BuiltInTemplate("phi3", "Phi-3", phi3),
    BuiltInTemplate("vicuna", "Vicuna, LLaVA", vicuna),
    BuiltInTemplate("zephyr", "Zephyr, TinyLlama, StableLM", zephyr),
  ]

  private static let alpaca = """
    {%- for m in messages %}
      {%- if m.role == 'system' %}{{ m.content | trim ~ '\\n\\n' }}
      {%- elif m.role == 'assistant' %}{{ '### Response:\\n' ~ m.content | trim ~ eos_token ~ '\\n\\n' }}
      {%- else %}{{ '### Instruction:\\n' ~ m.content | trim ~ '\\n\\n' }}{% endif %}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}
    """

  private static let chatML = """
    {%- for m in messages %}
      {{- '<|im_start|>' ~ m.role ~ '\\n' ~ m.content ~ '<|im_end|>\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
    """

  private static let gemma = """
    {{- bos_token }}
    {%- if messages and messages[0].role == 'system' %}
      {%- set system = messages[0].content | trim ~ '\\n\\n' %}
      {%- set messages = messages[1:] %}
    {%- endif %}
    {%- for m in messages %}
      {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
      {%- endif %}
      {{- '<start_of_turn>' ~ ('model' if m.role == 'assistant' else m.role) ~ '\\n' }}
      {{- system if loop.first }}{{ m.content | trim ~ '<end_of_turn>\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}
    """

  private static let granite = """
    {%- for m in messages %}
      {{- '<|start_of_role|>' ~ m.role ~ '<|end_of_role|>' ~ m.content ~ '<|end_of_text|>\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}
    """

  private static let llama2 = """
    {%- if messages and messages[0].role == 'system' %}
      {%- set system = '<<SYS>>\\n' ~ messages[0].content ~ '\\n<</SYS>>\\n\\n' %}
      {%- set messages = messages[1:] %}
    {%- endif %}
    {%- for m in messages %}
      {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
      {%- endif %}
      {%- if m.role == 'user' %}
        {{- bos_token ~ '[INST] ' }}{{ system if loop.first }}{{ m.content | trim ~ ' [/INST]' }}
      {%- else %}{{ ' ' ~ m.content | trim ~ ' ' ~ eos_token }}{% endif %}
    {%- endfor %}
    """

  private static let llama3 = """
    {{- bos_token }}
    {%- for m in messages %}
      {{- '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\\n\\n' ~ m.content | trim ~ '<|eot_id|>' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}
    """

  private static let mistral = """
    {{- bos_token }}
    {%- if messages and messages[0].role == 'system' %}
      {%- set system = messages[0].content ~ '\\n\\n' %}
      {%- set messages = messages[1:] %}
    {%- endif %}
    {%- for m in messages %}
      {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
      {%- endif %}
      {%- if m.role == 'user' %}{{ '[INST] ' }}{{ system if loop.first }}{{ m.content ~ ' [/INST]' }}
      {%- else %}{{ ' ' ~ m.content | trim ~ eos_token }}{% endif %}
    {%- endfor %}
    """

  private static let phi3 = """
    {%- for m in messages %}
      {{- '<|' ~ m.role ~ '|>\\n' ~ m.content ~ '<|end|>\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}
    """

  private static let vicuna = """
    {{- bos_token }}
    {%- for m in messages %}
      {%- if m.role == 'system' %}{{ m.content | trim ~ '\\n\\n' }}
      {%- elif m.role == 'assistant' %}{{ 'ASSISTANT: ' ~ m.content | trim ~ eos_token ~ '\\n' }}
      {%- else %}{{ 'USER: ' ~ m.content | trim ~ '\\n' }}{% endif %}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}
    """

  private static let zephyr = """
    {%- for m in messages %}
      {{- '<|' ~ m.role ~ '|>\\n' ~ m.content ~ eos_token ~ '\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}
    """
}

extension ChatTemplate {
  /// A template that Motet brings along, for a base without one: see ``BuiltInTemplate/all``.
  /// - Parameter specialTokens: how the tokenizer's tokens are written
  /// - Throws: ``ChatTemplateError/unknownBuiltIn(_:)``
  public init(builtIn name: String, specialTokens: [String: String] = [:]) throws {
    guard let template = BuiltInTemplate.all.first(where: { $0.name == name }) else {
      throw ChatTemplateError.unknownBuiltIn(name)
    }
    try self.init(jinja: template.source, specialTokens: specialTokens, origin: "'\(name)'")
  }
}
