/// What keeps a run from beginning, or ends it.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  case option(name: String, value: String, mend: String)
  case noJobs
  case noRows(job: String)
  case rowTooLong(job: String, row: Int, tokens: Int, limit: Int)
  /// Validation rows are not cut to `--max-length`.
  case validationRowTooLong(job: String, row: Int, tokens: Int, limit: Int)
  case sameName(String)
  case samePlace(String, first: String, second: String)
  case needsValidation(option: String, job: String)
  case holdsOther(folder: String, file: String)
  case unfinished(folder: String, step: Int)
  case busy(folder: String)
  case differs(folder: String, what: [String])
  case damaged(checkpoint: String, problem: String)
  case otherVocabulary(job: String, teacher: String, student: String)
  case noSubspace(job: String, adapter: String, method: String)
  case sharesNoSite(job: String)
  case diverged(step: Int)
  case baseChanged(before: String, after: String)

  public var description: String {
    switch self {
    case .option(let name, let value, let mend): "--\(name) \(value) cannot be: \(mend)"
    case .noJobs: "there is no adapter to train: name one with its data"
    case .noRows(let job): "\(job): the data has no rows to train on"
    case .rowTooLong(let job, let row, let tokens, let limit):
      "\(job): example \(row) has \(tokens) tokens, and the model's context has room for \(limit); cut rows with --max-length"
    case .validationRowTooLong(let job, let row, let tokens, let limit):
      "\(job): validation row \(row) has \(tokens) tokens, and the model's context has room for \(limit); shorten it or "
        + "leave it out"
    case .sameName(let name): "two adapters are called \(name): give each its own name"
    case .samePlace(let place, let first, let second):
      "\(first) and \(second) would both be written to \(place): give each its own output"
    case .needsValidation(let option, let job):
      "\(job): --\(option) needs validation rows: add --eval FILE or --validation SHARE"
    case .holdsOther(let folder, let file):
      "\(folder) holds \(file), which Motet did not write, so nothing there is replaced: choose another --output, or move "
        + "it away"
    case .unfinished(let folder, let step):
      "\(folder) holds a run that stopped at step \(step): go on with --resume, or begin anew with --overwrite"
    case .busy(let folder):
      "\(folder): another process trains there: wait for it, or choose another --output or --name"
    case .differs(let folder, let what):
      "cannot resume from \(folder): \(what.joined(separator: "; ")); "
        + "set it as it was, or begin anew with --overwrite"
    case .otherVocabulary(let job, let teacher, let student):
      "\(job): \(teacher) has other tokens than \(student), so that it cannot teach it: choose a model of its family"
    case .noSubspace(let job, let adapter, let method):
      "\(job): \(adapter) is a \(method) adapter without low-rank factors: leave it out of --orthogonal-to"
    case .sharesNoSite(let job):
      "\(job): it trains no A at a site of those it should be orthogonal to: choose other targets, or leave "
        + "--orthogonal-to out"
    case .damaged(let checkpoint, let problem):
      "\(checkpoint): \(problem): remove it, or begin anew with --overwrite"
    case .diverged(let step):
      "the loss is not a number at step \(step): nothing was saved; lower --lr or check the data"
    case .baseChanged(let before, let after):
      "the base's fingerprint changed from \(before.prefix(12)) to \(after.prefix(12)): please report this"
    }
  }
}
