import ApusBase
import ApusModels
import ApusTemplates
import ApusTraining
import ArgumentParser
import Glibc

struct DataVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "data", abstract: "Prepare the data of training.", subcommands: [TokenizeDataVerb.self])
}

struct TokenizeDataVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Turn files of text into token ids in the files of Megatron-LM.",
        discussion: """
            Writes PREFIX.bin and PREFIX.idx, a sequence for each document. A .txt file is one document; a line of a .jsonl file is one, an
            object with a text or with messages, which the model's chat template turns into text. Texts get what the model's tokenizer adds
            around a text, as `apus tokenize` shows it.
            """)

    @Option(name: .shortAndLong, help: "Whose tokenizer: a .gguf file or a folder.") var model: String
    @Option(name: .long, parsing: .upToNextOption, help: "Files that end in .txt or .jsonl.") var files: [String]
    @Option(name: .long, help: "What the names of the two files begin with.") var out: String
    @Flag(name: .long, help: "Put the end-of-text token after each text that does not end with it.") var appendEos = false
    @Option(name: .shortAndLong, help: "Threads; by default the processors there are.") var threads: Int?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads: \(threads) is not from 1 to 256") }
        if files.isEmpty { throw ValidationError("--files: names none") }
    }

    func run() throws {
        let path = try Environment.modelPath(model), tokenizer = try ModelSource.tokenizer(path: path)
        guard !appendEos || tokenizer.eos != nil else {
            throw InputError(path, "the tokenizer has no end-of-text token", remedy: "leave --append-eos out")
        }
        let template = try ModelSource.chatTemplate(path: path).map { source in try ChatTemplate(source: source, name: path) }
        let encoder = DocumentEncoder(tokenizer: tokenizer, template: template, appendsEOS: appendEos)
        let count = threads ?? min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1), 256)
        let written = try CorpusTokenizer(encoder, threads: count).tokenize(files, prefix: out)
        // Both files or none.
        try Interrupts.gracefully { try written.finish() }
        output.text("\(written.documents) documents, \(written.tokens) tokens: \(out).bin, \(out).idx")
        output.json(["documents": .integer(written.documents), "tokens": .integer(written.tokens)])
        try Interrupts.check()
    }
}
