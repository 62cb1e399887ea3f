import ApusBase
import ApusModels
import ApusTensor
import ArgumentParser

struct ConvertVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert", abstract: "Write a model in another type or layout.",
        discussion: """
            DST is a .gguf file, or a new folder in Hugging Face layout, which holds f32, f16 or bf16. Vectors of GGUF files stay f32; rows that do \
            not fill the type's blocks take another type, which is told. Nothing appears at DST unless all went well.
            """)

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k
    }

    @Argument(help: "A .gguf file, a folder in Hugging Face layout, or org/name from the cache.") var source: String
    @Argument(help: "A .gguf file or a folder, by its name.") var destination: String
    @Option(name: .long, help: "Type of the matrices.") var type: Kind
    @Option(name: .shortAndLong, help: "Threads; by default the processors there are.") var threads: Int?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads: \(threads) is not from 1 to 256") }
    }

    func run() throws {
        let source = try ModelSource(path: try Environment.modelPath(source))
        for note in source.notes { printError(note) }
        var conversion = try ModelConversion(source, to: destination, type: DType(rawValue: type.rawValue)!)
        let backend = try makeBackend(threads: threads)
        let bar = ProgressBar()
        let summary = try Interrupts.gracefully {
            try conversion.run(on: backend) { done, total in
                try Interrupts.check()
                bar.show(done, of: total, "")
            }
        }
        bar.finish()
        for note in conversion.notes { printError(note) }
        output.text("\(destination): \(summary.tensors) tensors, \(summary.bytes) bytes")
        output.json(["tensors": .integer(summary.tensors), "bytes": .integer(summary.bytes)])
    }
}
