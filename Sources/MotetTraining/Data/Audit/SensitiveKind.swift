/// What a text may hold that should not be learnt by heart.
public enum SensitiveKind: String, Sendable, Codable, CaseIterable {
  case awsAccessKey, githubToken, gitlabToken, slackToken, googleKey, openAIKey, stripeKey, huggingFaceToken
  case npmToken, pypiToken
  case privateKey, jsonWebToken, assignedSecret
  case emailAddress, phoneNumber, cardNumber, iban, socialSecurityNumber

  /// Opens a door, where the others tell of a person.
  public var isSecret: Bool {
    switch self {
    case .emailAddress, .phoneNumber, .cardNumber, .iban, .socialSecurityNumber: false
    default: true
    }
  }

  public var name: String {
    switch self {
    case .awsAccessKey: "AWS access key"
    case .githubToken: "GitHub token"
    case .gitlabToken: "GitLab token"
    case .slackToken: "Slack token"
    case .googleKey: "Google API key"
    case .openAIKey: "sk- API key"
    case .stripeKey: "Stripe key"
    case .huggingFaceToken: "Hugging Face token"
    case .npmToken: "npm token"
    case .pypiToken: "PyPI token"
    case .privateKey: "private key"
    case .jsonWebToken: "JSON web token"
    case .assignedSecret: "password, secret or token set to a value"
    case .emailAddress: "e-mail address"
    case .phoneNumber: "phone number"
    case .cardNumber: "payment card number"
    case .iban: "IBAN"
    case .socialSecurityNumber: "US social security number"
    }
  }
}
