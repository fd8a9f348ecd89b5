import Foundation
import MotetAdapters
import MotetFormats

/// What an adapter's small files tell of it, without its weights.
struct AdapterFacts {
  var parent: String?
  var method = "lora"
  var rank: Int?
  var created: Int?

  init(_ place: AdapterPlace) {
    if let record = try? AdapterRecord.read(from: place.folder) {
      // Of a folder its name alone: where it lies is nobody's to know.
      parent = record.standsOn.map { withoutFolders($0.name) }
      created = Int(record.created.timeIntervalSince1970)
      if let trained = record.training?.method { method = trained }
    }
    let file = place.folder.appendingPathComponent("adapter_config.json")
    guard let members = try? JSONValue.object(contentsOf: file) else { return }
    if let stored = try? AdapterMethods.method(of: place.folder), stored.name != LoRA.name {
      method = stored.name
    }
    rank = members["r"]?.intValue
  }
}
