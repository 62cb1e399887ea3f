import ApusBase
import Glibc
import Testing

let goldens = parentFolder(parentFolder(#filePath)) + "/Goldens"
/// A tiny model with a tokenizer and a chat template (Tests/Goldens/make_chat.py).
let chatModel = goldens + "/chat"
/// Forbids the tokens that end an answer.
let endless = ["--logit-bias", "0=-inf", "--logit-bias", "2=-inf"]

struct CommandResult {
    var code: Int32
    var output: String
    var errors: String

    /// The one JSON object that is all of the standard output.
    func json(_ location: SourceLocation = #_sourceLocation) throws -> JSONObject {
        try #require(code == 0, "\(errors)", sourceLocation: location)
        #expect(output.hasSuffix("}\n") && output.dropLast().contains("\n") == false, sourceLocation: location)
        return try #require(JSON(parsing: Array(output.utf8), subject: "the output").object, sourceLocation: location)
    }
}

/// Runs the command to its end.
func apus(_ arguments: [String], input: String = "") throws -> CommandResult {
    let command = try RunningCommand(arguments)
    command.send(input)
    command.closeInput()
    let code = try command.wait()
    return CommandResult(code: code, output: command.output, errors: command.errors)
}

func apus(_ arguments: String..., input: String = "") throws -> CommandResult { try apus(arguments, input: input) }

/// Looks again and again, for a minute at most; whether the condition came to hold.
func waitUntil(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<6000 {
        if try condition() { return true }
        usleep(10_000)
    }
    return false
}

/// A signal in the middle of its work ends the command within two seconds, with the signal's code and nothing printed.
func expectEndsAtOnce(_ command: RunningCommand, by signal: Int32) throws {
    usleep(200_000)
    let start = ContinuousClock.now
    command.signal(signal)
    #expect(try command.wait() == 128 + signal)
    #expect(start.duration(to: .now) < .seconds(2) && command.output.isEmpty)
}
