/// What keeps a search from beginning, or from finding anything.
public enum TuningError: Error, Equatable, CustomStringConvertible {
  case trials(Int)
  case eta(Int)
  case tokens(Int)
  case budget(tokens: Int, least: Int)
  case tooManySteps(tokens: Int, most: Int)
  case needsValidation
  case noValues(list: String)
  case value(list: String, value: String, expected: String)
  case notSearched(option: String, instead: String)
  case methodHasNo(list: String, method: String)
  case holdsOther(folder: String, what: [String])
  case damaged(file: String)
  case allDiverged

  public var description: String {
    switch self {
    case .trials(let count): "--trials \(count) cannot be: give at least 1"
    case .eta(let eta): "--eta \(eta) cannot be: give at least 2, so that one of so many goes on"
    case .tokens(let tokens): "--tokens \(tokens) cannot be: give a positive number such as 200k"
    case .budget(let tokens, let least):
      "--tokens \(tokens) is less than a step a trial in each rung: give at least \(least), or fewer --trials, or a "
        + "smaller --batch"
    case .tooManySteps(let tokens, let most):
      "--tokens \(tokens) is more than \(most) steps a trial: give fewer"
    case .needsValidation:
      "a search needs rows that are not trained on, to choose by: add --eval FILE or --validation SHARE"
    case .noValues(let list): "--\(list) has no values: give some between commas"
    case .value(let list, let value, let expected): "--\(list) cannot have \"\(value)\": give \(expected)"
    case .notSearched(let option, let instead): "--\(option) says nothing in a search: \(instead)"
    case .methodHasNo(let list, let method): "\(method) has nothing that --\(list) could set: leave it out"
    case .holdsOther(let folder, let what):
      "\(folder) holds another search: \(what.joined(separator: "; ")); set it as it was, choose another --output, "
        + "or begin anew with --overwrite"
    case .damaged(let file): "\(file) cannot be read: remove it, or begin anew with --overwrite"
    case .allDiverged: "every trial diverged: give smaller --lrs, or check the data"
    }
  }
}
