import ApusBase
import ArgumentParser
import Glibc

@main
struct Apus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus", abstract: "Run, serve, train and adapt language models.", version: "0.1.0",
        subcommands: [
            GenerateVerb.self, ChatVerb.self, TokenizeVerb.self, DetokenizeVerb.self, PerplexityVerb.self, ScoreVerb.self, InspectVerb.self, BenchVerb.self,
            PullVerb.self, ConvertVerb.self, EmbedVerb.self, TokenizerVerb.self, DataVerb.self, TrainVerb.self,
        ])

    static func main() {
        Interrupts.install()
        do {
            var command = try parseAsRoot(separatingStops(Array(CommandLine.arguments.dropFirst())))
            try command.run()
        } catch let error as InputError {
            printError("apus: \(error)")
            Glibc.exit(1)
        } catch let error as Interruption {
            Glibc.exit(128 + error.signal)
        } catch {
            let code = exitCode(for: error)
            if code.isSuccess { writeOut(fullMessage(for: error) + "\n") } else { printError(fullMessage(for: error)) }
            Glibc.exit(code == .validationFailure ? 2 : code.rawValue)
        }
    }
}
