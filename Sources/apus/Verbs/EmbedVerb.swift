import ApusBase
import ApusInference
import ApusModels
import ArgumentParser

struct EmbedVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed", abstract: "Turn texts into vectors.",
        discussion: """
            The model is an encoder such as BERT or MiniLM. How a text's vector is made of its tokens' (pooling, length, the most tokens) stands in the \
            files of sentence-transformers beside it, or in a GGUF file's metadata; without that it is their mean as it is. A vector does not depend on the texts beside it.
            """)

    @OptionGroup var options: ModelOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .long, parsing: .upToNextOption, help: "Texts; one that starts with a dash is given as --text=-a.") var text: [String] = []
    @Option(name: .long, help: "A file of texts, one a line; - is standard input.") var file: String?

    func validate() throws {
        guard text.isEmpty != (file == nil) else { throw ValidationError("give either --text or --file") }
    }

    func run() throws {
        let texts = try texts(), source = try options.source(), tokenizer = try source.tokenizer()
        let encoder = try Encoder.load(source, on: options.run.makeBackend(), dtype: options.run.weightType())
        let recipe = try source.embeddingRecipe()
        if recipe == nil {
            let missing = source.path.hasSuffix(".gguf") ? "no pooling_type" : "no modules.json"
            printError("\(source.path): has \(missing), so the vectors are means of the tokens' vectors as they are")
        }
        var embedder = TextEmbedder(
            encoder, tokenizer: tokenizer, recipe: recipe ?? EmbeddingRecipe(), cacheType: options.run.kvDtype?.type ?? encoder.preferredCacheType)
        let vectors = try embedder.embed(texts)
        if embedder.cutCount > 0 { printError("\(embedder.cutCount) of \(texts.count) texts have too many tokens, and their ends were left out") }
        if output.output == .text { for vector in vectors { output.text(vector.map { "\($0)" }.joined(separator: " ")) } }
        output.json(["embeddings": .array(vectors.map { .array($0.map { .number(Double("\($0)")!) }) })])
    }

    /// Line by line what the file holds, empty lines too: the vectors stand in the order of the lines.
    private func texts() throws -> [String] {
        guard let file else { return text }
        let bytes = try textBytes(of: file)
        guard !bytes.isEmpty else { throw InputError(file, "holds no text") }
        let lines = bytes.last == 0x0A ? bytes.dropLast() : bytes[...]
        return lines.split(separator: 0x0A, omittingEmptySubsequences: false).map {
            String(decoding: $0.last == 0x0D ? $0.dropLast() : $0, as: UTF8.self)
        }
    }
}
