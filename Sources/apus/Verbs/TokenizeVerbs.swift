import ApusBase
import ApusModels
import ApusTokenizers
import ArgumentParser

struct TokenizeVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "tokenize", abstract: "Turn a text into token ids.")

    @Option(name: .shortAndLong, help: "A .gguf file or a folder with tokenizer.json, tokenizer.model or vocab.txt.") var model: String
    @OptionGroup var output: OutputOptions
    @Option(name: .long, parsing: .unconditional, help: "The text.") var text: String?
    @Option(name: .long, help: "A file with the text, its bytes taken as they are; - is standard input.") var file: String?
    @Flag(name: .long, help: "Add no BOS or EOS.") var noSpecial = false
    @Flag(name: .long, help: "Take the text of special tokens as those tokens.") var parseSpecial = false
    @Option(name: .long, help: "BPE-dropout: pass over merges with this probability.") var dropout: Double?
    @Option(name: .long, help: "Unigram sampling: draw segmentations by their probability to the power of this number.") var alpha: Double?
    @Option(name: .long, help: "The seed of --dropout and --alpha.") var seed: UInt64 = 0

    func validate() throws {
        guard (text == nil) != (file == nil) else { throw ValidationError("give either --text or --file") }
        guard dropout == nil || alpha == nil else { throw ValidationError("give either --dropout or --alpha") }
    }

    private var sampling: SubwordSampling? { dropout.map { .dropout($0) } ?? alpha.map { .unigram(smoothing: $0) } }

    func run() throws {
        let tokenizer = try ModelSource.tokenizer(path: try Environment.modelPath(model))
        let bytes = if let text { Array(text.utf8) } else { try textBytes(of: file!) }
        let ids =
            if let sampling {
                try tokenizer.encode(bytes, sampling: sampling, seed: seed, addSpecial: !noSpecial, parseSpecial: parseSpecial)
            } else {
                bytes.withUnsafeBufferPointer { tokenizer.encode($0, addSpecial: !noSpecial, parseSpecial: parseSpecial) }
            }
        if output.output == .text { output.text(ids.map(String.init).joined(separator: ",")) }
        output.json([
            "ids": .array(ids.map { .integer(Int($0)) }), "tokens": .array(ids.map { .string(tokenizer.tokenText($0) ?? "") }),
        ])
    }
}

struct DetokenizeVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "detokenize", abstract: "Turn token ids into text.")

    @Option(name: .shortAndLong, help: "A .gguf file or a folder with tokenizer.json, tokenizer.model or vocab.txt.") var model: String
    @OptionGroup var output: OutputOptions
    @Option(name: .long, help: "Ids, for example 1,2,3.") var ids: NumberList<Int32>

    func run() throws {
        let tokenizer = try ModelSource.tokenizer(path: try Environment.modelPath(model))
        let text = try tokenizer.decode(ids.values, skipSpecial: false)
        output.text(text)
        output.json(["text": .string(text)])
    }
}
