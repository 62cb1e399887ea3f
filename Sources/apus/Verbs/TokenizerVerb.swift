import ApusBase
import ApusTokenizers
import ArgumentParser
import Glibc

struct TokenizerVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer", abstract: "Make a tokenizer.", subcommands: [TrainTokenizerVerb.self])
}

struct TrainTokenizerVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Learn a tokenizer from files of text.",
        discussion: """
            Writes DIR/tokenizer.json, which Hugging Face tokenizers and transformers load as well. Texts are read line by line.
            bpe: over bytes with GPT-2's pattern, and <|endoftext|>.
            wordpiece: BERT's, uncased, and [PAD], [UNK], [CLS], [SEP], [MASK].
            unigram: over NFKC text with marks for spaces, and <unk>, <s>, </s>.
            """)

    @Option(name: .long, help: "The kind of tokenizer.") var kind: TokenizerTrainer.Kind
    @Option(name: .long, help: "Tokens to make, special ones included.") var vocabSize: Int
    @Option(name: .long, parsing: .upToNextOption, help: "Files of text in UTF-8.") var files: [String]
    @Option(name: .long, help: "The folder to write tokenizer.json to, which must hold none.") var out: String
    @Option(name: .long, help: "bpe, wordpiece: how often a pair must occur to be merged. (default: 2)") var minFrequency: Int?
    @Option(name: .long, parsing: .upToNextOption, help: "Special tokens that follow the kind's own.") var specialTokens: [String] = []
    @Option(name: .shortAndLong, help: "Threads; by default the processors there are.") var threads: Int?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard vocabSize > 0 else { throw ValidationError("--vocab-size: must be at least 1, not \(vocabSize)") }
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads: \(threads) is not from 1 to 256") }
        if let minFrequency {
            guard minFrequency >= 1 else { throw ValidationError("--min-frequency: must be at least 1, not \(minFrequency)") }
            guard kind != .unigram else { throw ValidationError("--min-frequency: a unigram model is not made of merges") }
        }
    }

    func run() throws {
        let path = out + "/tokenizer.json"
        guard !fileExists(path) else { throw InputError(path, "is there already", remedy: "give another folder, or remove it") }
        let made = try makeFolders(out)
        var isWritten = false
        defer { if !isWritten { for folder in made.reversed() { rmdir(folder) } } }
        let start = ContinuousClock.now
        let trainer = TokenizerTrainer(
            kind: kind, vocabularySize: vocabSize, specialTokens: specialTokens, minimumFrequency: minFrequency ?? 2,
            threads: threads ?? min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1), 256))
        let trained = try trainer.train(files: files)
        let file = try AtomicFile(path: path)
        try file.write(Array(trained.tokenizerJSON.serialized(pretty: true).utf8))
        try file.commit()
        isWritten = true
        let seconds = start.duration(to: .now).seconds
        if trained.vocabularySize < vocabSize { printError("the texts give only \(trained.vocabularySize) tokens of \(vocabSize)") }
        output.text("\(path): \(trained.vocabularySize) tokens in \(decimal(seconds, 1)) s")
        output.json(["vocab_size": .integer(trained.vocabularySize), "seconds": .number(seconds)])
    }
}

extension TokenizerTrainer.Kind: ExpressibleByArgument {}
