import ApusBase
import ApusInference
import ArgumentParser

struct PerplexityVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perplexity", abstract: "Measure how well a model predicts a text, as llama-perplexity does.",
        discussion: """
            It is the weights that are measured: quantised ones of fewer than 8 bits meet activations of 16 bits, as in an answer, not the 8 of a long \
            prompt, and keys and values stay in f32.
            """)

    @OptionGroup var options: ModelOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .long, help: "A file with the text; - is standard input.") var file: String
    @Option(name: .long, help: "Tokens of a chunk.") var context = 512

    func validate() throws {
        guard (4...SamplingOptions.positionLimit).contains(context) else {
            throw ValidationError("--context: \(context) is not from 4 to \(SamplingOptions.positionLimit)")
        }
    }

    func run() throws {
        let (loaded, tokenizer) = try options.loadDecoderAndTokenizer()
        let bytes = try textBytes(of: file), ids = tokenizer.encode(document: bytes)
        let start = ContinuousClock.now
        let result = try Perplexity.of(
            ids, context: context, bos: tokenizer.addsBOS ? tokenizer.bos : nil, model: loaded.decoder, backend: loaded.backend,
            cacheType: options.run.measuringCacheType)
        let rate = Double(ids.count / context * context) / start.duration(to: .now).seconds
        output.text("perplexity \(decimal(result.value, 4)) over \(result.tokens) tokens, \(decimal(rate, 1)) tokens/s")
        output.json([
            "perplexity": .number(result.value), "tokens": .integer(result.tokens), "tokens_per_second": .number(rate),
        ])
    }
}
