import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

/// A model that an adapter learns from, beside its data: another mix on the same base, or a larger base of the same
/// vocabulary (Hinton et al. 2015, arXiv 1503.02531).
///
/// loss = (1-w)·cross-entropy + w·T²·KL(teacher ‖ adapter), both at temperature T, over the labelled tokens.
public struct Teacher: Sendable {
  public var base: BaseModel
  public var mix: Mix
  /// T; what it makes flatter shows which wrong answers the teacher finds nearly right.
  public var temperature: Double
  /// w; 1 leaves the data's own answers out.
  public var weight: Double

  public init(_ base: BaseModel, mix: Mix = .base, temperature: Double = 2, weight: Double = 0.5) {
    self.base = base
    self.mix = mix
    self.temperature = temperature
    self.weight = weight
  }

  /// What decides the outcome, by the names of the command line.
  var settings: [String: String] {
    let hashes = mix.terms.map { $0.adapter.record?.weightsHash ?? "" }.joined(separator: " ")
    return [
      "teacher": "\(mix) \(hashes)".trimmingCharacters(in: .whitespaces), "teacher-base": base.name,
      "temperature": "\(temperature)", "teacher-weight": "\(weight)",
    ]
  }

  /// - Throws: ``TrainingError`` when it cannot teach on `student`
  func validate(for student: BaseModel, job: String) throws {
    func require(_ holds: Bool, _ name: String, _ value: Double, _ mend: String) throws {
      if !holds { throw TrainingError.option(name: name, value: "\(value)", mend: mend) }
    }
    try require(
      temperature >= 0.1 && temperature <= 100, "temperature", temperature, "give a number from 0.1 to 100")
    try require(weight > 0 && weight <= 1, "teacher-weight", weight, "give a share above 0 and up to 1")
    let (own, theirs) = (student.tokenizer, base.tokenizer)
    let differs =
      student.configuration.vocabulary != base.configuration.vocabulary
      || (0..<Int32(own.vocabularySize)).contains { own.token($0) != theirs.token($0) }
    if differs { throw TrainingError.otherVocabulary(job: job, teacher: base.name, student: student.name) }
  }
}

/// A teacher in place for a run.
@Compute
final class BoundTeacher {
  private let teacher: Teacher
  private let mix: BoundMix

  init(_ teacher: Teacher) throws {
    self.teacher = teacher
    mix = try teacher.mix.bound(to: teacher.base)
  }

  /// What it says of the labels of one part of a pass.
  /// - Parameter places: of those labels among the pass's
  func teach(_ part: PassPart, places: Range<Int>) throws -> HeadTeacher {
    let pass = Pass([PassPart(examples: part.examples, mix: mix, scale: 1)])
    return try teacher.base.teach(
      pass.rows, at: pass.labels.map(\.position), places: places, temperature: Float(teacher.temperature),
      weight: Float(teacher.weight))
  }
}
