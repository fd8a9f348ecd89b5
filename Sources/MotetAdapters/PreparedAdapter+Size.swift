import Foundation
import MotetFormats
import MotetModels
import MotetTensor

extension PreparedAdapter {
  /// The bytes that the adapter of a folder takes in memory, without those that it stands on: told by the shapes in its
  /// file, of which no more is read.
  /// - Throws: ``FormatError`` for a file that is not as it should be
  public static func expectedBytes(of folder: URL, for base: BaseModel) throws -> Int {
    let file = try SafetensorsFile(
      contentsOf: folder.appendingPathComponent("adapter_model.safetensors"))
    let shapes = try file.names.map { (name: $0, shape: try file.tensor($0).shape) }
    guard let form = base.adapterForm, try AdapterMethods.method(of: folder).name == LoRA.name
    else {
      // The values as they were read, and those that passes read.
      return shapes.reduce(0) { $0 + 2 * 4 * $1.shape.reduce(1, *) }
    }
    return shapes.reduce(0) { sum, tensor in
      guard tensor.shape.count == 2 else { return sum }
      let isA = tensor.name.contains("lora_A")
      return sum
        + LowRankFactors.byteCount(
          rank: tensor.shape[isA ? 0 : 1], inputs: isA ? tensor.shape[1] : 0,
          outputs: isA ? 0 : tensor.shape[0], form: form)
    }
  }
}
