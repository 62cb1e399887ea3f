import ApusBase
import ArgumentParser
import Glibc

@main
struct Apus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus", abstract: "Run, serve, train and adapt language models.",
        subcommands: [
            GenerateVerb.self, TokenizeVerb.self, DetokenizeVerb.self, PerplexityVerb.self, ScoreVerb.self, BenchVerb.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as InputError {
            printError("apus: \(error)")
            Glibc.exit(1)
        } catch {
            exit(withError: error)
        }
    }
}
