import ApusBase

/// A failure that may pass: a lost connection, a busy server.
struct TransientFailure: Error {
    let message: String
    /// How long the server asks to wait.
    var retryAfter: Duration?
}

extension HubConfiguration {
    /// Runs work until it succeeds, fails for good, or has failed once more than there are delays.
    func retrying<Result>(_ subject: String, _ body: () async throws -> Result) async throws -> Result {
        for delay in retryDelays {
            do {
                return try await body()
            } catch let failure as TransientFailure {
                try await Task.sleep(for: max(delay, failure.retryAfter ?? .zero))
            }
        }
        do {
            return try await body()
        } catch let failure as TransientFailure {
            throw giveUp(subject, failure)
        }
    }

    func giveUp(_ subject: String, _ failure: TransientFailure) -> InputError {
        InputError(subject, "\(failure.message) (\(retryDelays.count + 1) attempts)", remedy: "check the network and try again later; what was fetched is kept")
    }
}
