/// Places in sequences: negative ones count from the end, slices are clipped.
/// Source: The Python Language Reference, section 3.3.7 and `slice.indices`.
enum PythonSlices {
  static func index(_ value: PythonValue, _ count: Int) throws -> Int {
    guard let index = value.asInt else { throw PythonError.runtime("an index is a whole number") }
    guard (-count..<count).contains(index) else { throw PythonError.runtime("index out of range") }
    return index < 0 ? index + count : index
  }

  static func element(_ base: PythonValue, _ key: PythonValue) throws -> PythonValue {
    switch base {
    case .list(let list): return list.items[try index(key, list.items.count)]
    case .tuple(let items): return items[try index(key, items.count)]
    case .string(let text):
      let characters = Array(text)
      return .string(String(characters[try index(key, characters.count)]))
    case .range(let start, let stop, let step):
      let items = Array(stride(from: start, to: stop, by: step).prefix(PythonInterpreter.largestSize))
      return .int(items[try index(key, items.count)])
    default: throw PythonError.runtime("'\(base.typeName)' has no places")
    }
  }

  static func slice(_ base: PythonValue, _ start: PythonValue?, _ stop: PythonValue?, _ step: PythonValue?)
    throws
    -> PythonValue
  {
    switch base {
    case .list(let list):
      return .list(PythonList(try indices(start, stop, step, list.items.count).map { list.items[$0] }))
    case .tuple(let items): return .tuple(try indices(start, stop, step, items.count).map { items[$0] })
    case .string(let text):
      let characters = Array(text)
      return .string(String(try indices(start, stop, step, characters.count).map { characters[$0] }))
    case .range(let first, let end, let stride_):
      let items = Array(stride(from: first, to: end, by: stride_).prefix(PythonInterpreter.largestSize))
      return .list(PythonList(try indices(start, stop, step, items.count).map { .int(items[$0]) }))
    default: throw PythonError.runtime("'\(base.typeName)' has no slices")
    }
  }

  /// The places that `[start:stop]` covers, for assignment.
  static func range(_ start: PythonValue?, _ stop: PythonValue?, _ count: Int) throws -> Range<Int> {
    let low = try bound(start, count, missing: 0, clip: 0...count)
    return low..<max(low, try bound(stop, count, missing: count, clip: 0...count))
  }

  private static func indices(_ start: PythonValue?, _ stop: PythonValue?, _ step: PythonValue?, _ count: Int)
    throws
    -> [Int]
  {
    var stepValue = 1
    if let step {
      if case .none = step {
      } else {
        guard let number = step.asInt, number != 0, number.magnitude < 1 << 40 else {
          throw PythonError.runtime("bad slice step")
        }
        stepValue = number
      }
    }
    let forward = stepValue > 0
    let clip = forward ? 0...count : -1...(count - 1)
    let first = try bound(start, count, missing: forward ? 0 : count - 1, clip: clip)
    let end = try bound(stop, count, missing: forward ? count : -1, clip: clip)
    return Array(stride(from: first, to: end, by: stepValue))
  }

  private static func bound(_ value: PythonValue?, _ count: Int, missing: Int, clip: ClosedRange<Int>) throws
    -> Int
  {
    guard let value else { return missing }
    if case .none = value { return missing }
    guard let number = value.asInt else { throw PythonError.runtime("a slice bound is a whole number") }
    let place = number < 0 ? (number < -count ? clip.lowerBound : number + count) : number
    return min(max(place, clip.lowerBound), clip.upperBound)
  }
}
