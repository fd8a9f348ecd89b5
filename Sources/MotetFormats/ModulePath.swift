/// How a module of a model is called: in full, as transformers and PEFT do, and as the place of a site.
///
///     ModulePath.path(of: "model.layers.3.mlp.up_proj")        // "layers.3.mlp.up_proj"
///     ModulePath.path(of: "transformer.h.3.attn.c_attn")       // "transformer.h.3.attn.c_attn"
///     ModulePath.path(of: "lm_head")                           // "lm_head"
package enum ModulePath {
  /// What most families' layers stand under.
  private static let body = "model."
  private static let layers = "layers."

  package static func path(of module: String) -> String {
    // Names are compared by their bytes: walking through a text's characters takes many times as long.
    let bytes = module.utf8
    guard bytes.starts(with: body.utf8), bytes.dropFirst(body.utf8.count).starts(with: layers.utf8) else {
      return module
    }
    return String(module.dropFirst(body.count))
  }

  package static func module(of path: String) -> String {
    path.utf8.starts(with: layers.utf8) ? body + path : path
  }
}
