import ApusBase
import ApusModels
import ApusTensor
import ApusTokenizers
import Testing

@testable import ApusInference

/// Several answers to one prompt: beams against transformers (Tests/Goldens/make_chat.py), samples against single answers.
@Suite struct SamplingChoicesTests {
    private let model: Decoder
    private let tokenizer: Tokenizer
    private let folder = parentFolder(parentFolder(#filePath)) + "/Goldens/chat"

    init() throws {
        let source = try ModelSource(path: folder)
        model = try Decoder.load(source, on: try #require(CPUBackend(threads: 1)))
        tokenizer = try source.tokenizer()
    }

    @Test func beamsAreThoseOfTransformers() throws {
        let cases = try #require(try JSON(contentsOf: folder + "/beams.json").array)
        var ends: Set<String> = []
        for golden in cases {
            let ids = golden["ids"]!.array!.map { Int32($0.int!) }
            let result = try BeamSearch(
                model, tokenizer: tokenizer, prompt: ids, beams: golden["beams"]!.int!, positions: 64, cacheType: .f32,
                maxTokens: golden["max_tokens"]!.int!)
            let wanted = golden["choices"]!.array!
            #expect(result.choices.count == wanted.count)
            for (choice, wanted) in zip(result.choices, wanted) {
                #expect(choice.ids == wanted["token_ids"]!.array!.map { Int32($0.int!) }, "\(golden["prompt"]!) \(golden["beams"]!)")
                #expect(choice.finishReason.rawValue == wanted["finish_reason"]!.string)
                #expect(abs(choice.score! - wanted["score"]!.double!) < 1e-5)
                #expect(choice.text == (try tokenizer.decode(choice.ids)))
                ends.insert(choice.finishReason.rawValue)
            }
        }
        #expect(cases.count == 12 && ends == ["stop", "length"])
    }

    @Test func beamsEndWithTheContext() throws {
        let ids = tokenizer.encode("a")
        let short = try BeamSearch(model, tokenizer: tokenizer, prompt: ids, beams: 4, positions: 8, cacheType: .f32, maxTokens: 100)
        let limited = try BeamSearch(model, tokenizer: tokenizer, prompt: ids, beams: 4, positions: 64, cacheType: .f32, maxTokens: 8)
        #expect(short.choices == limited.choices)
    }

    @Test func tooManyBeamsAreRefused() {
        #expect(throws: InputError.self) {
            try BeamSearch(model, tokenizer: tokenizer, prompt: [5], beams: 319, positions: 64, cacheType: .f32, maxTokens: 4)
        }
    }

    @Test(arguments: [20, 100, 0])
    func samplesAreThoseOfSingleAnswers(maxTokens: Int) throws {
        let sampling = SamplingParameters(temperature: 0.9, repetitionPenalty: 1.1, logitBias: [2: -1.5], seed: 11)
        let ids = tokenizer.encode("The quick brown")
        let result = try SampledChoices(
            model, tokenizer: tokenizer, prompt: ids, count: 5, positions: 70, cacheType: .f16, sampling: sampling, maxTokens: maxTokens,
            stops: ["ou"])
        #expect(result.choices.count == 5)
        for (index, choice) in result.choices.enumerated() {
            let single = try Generation(
                TokenStream(model, positions: 70, cacheType: .f16), tokenizer: tokenizer, prompt: ids, sampling: sampling,
                maxTokens: maxTokens, stops: ["ou"], sequence: UInt32(index))
            var text = ""
            while let piece = try single.next() { text += piece }
            #expect(choice == Choice(text: text, ids: single.ids, finishReason: try #require(single.finishReason)))
        }
        #expect(maxTokens == 0 || Set(result.choices.map(\.text)).count > 1)
    }
}
