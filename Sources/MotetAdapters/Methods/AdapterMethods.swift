/// The methods there are.
public enum AdapterMethods {
  /// In the order of the help.
  public static let all: [any AdapterMethod.Type] = [
    LoRA.self, RSLoRA.self, LoRAPlus.self, LoRAFA.self, PiSSA.self, VeRA.self, SoRA.self, DyLoRA.self,
    AdaLoRA.self, DoRA.self, IA3.self, MixtureOfExperts.self, PromptTuning.self, PrefixTuning.self,
    BottleneckAdapters.self, FullTuning.self, PartialTuning.self,
  ]

  public static var names: [String] { all.map { $0.name } }

  /// - Throws: ``MethodError/unknown(_:near:)``
  public static func named(_ name: String) throws -> any AdapterMethod.Type {
    guard let method = all.first(where: { $0.name == name }) else {
      throw MethodError.unknown(name, near: nearNames(to: name, in: names))
    }
    return method
  }

  /// Every option that some method has beside the shared ones, once.
  public static var options: [MethodOption] {
    var found: [MethodOption] = []
    for option in all.flatMap({ $0.options }) where !found.contains(where: { $0.key == option.key }) {
      found.append(option)
    }
    return found
  }
}
