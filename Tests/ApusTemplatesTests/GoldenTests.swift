import ApusBase
import ApusTemplates
import Testing

@Suite("Renderings agree with Jinja's")
struct GoldenTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var source: String
        var expected: String?
        var testDescription: String { source }
    }

    static let cases: [Case] = {
        guard let list = (try? Goldens.json("cases.json"))?["cases"]?.array else { return [] }
        return list.map { Case(source: $0["source"]?.string ?? "", expected: $0["expected"]?.string) }
    }()

    @Test func casesAreThere() { #expect(GoldenTests.cases.count > 100) }

    @Test(arguments: cases) func constructs(_ example: Case) throws {
        let variables = Goldens.variables(try Goldens.json("cases.json")["variables"])
        guard let expected = example.expected else {
            #expect(throws: InputError.self) { try Goldens.render(example.source, variables) }
            return
        }
        let rendered = try Goldens.render(example.source, variables)
        #expect(Array(rendered.utf8) == Array(expected.utf8), "got \(rendered), expected \(expected)")
    }

    static let modelNames: [String] = (try? Goldens.json("models.json"))?.object?.keys ?? []

    @Test func everyModelIsThere() { #expect(GoldenTests.modelNames.count == 70) }

    @Test(.enabled(if: Goldens.modelFolder != nil, "APUS_TEST_CACHE has no llama.cpp-models/templates"), arguments: modelNames)
    func modelTemplates(_ name: String) throws {
        let folder = try #require(Goldens.modelFolder)
        let source = String(decoding: try FileReader.contents(of: "\(folder)/\(name)", limit: 1 << 22), as: UTF8.self)
        let expectations = try #require(try Goldens.json("models.json")[name]?.object)
        let conversations = try #require(try Goldens.json("conversations.json").array)
        let template = Result { () throws(InputError) in try ChatTemplate(source: source, name: name) }
        for conversation in conversations {
            let title = conversation["name"]?.string ?? ""
            let messages = try #require(conversation["messages"]?.array).map { try ChatMessage($0) }
            let tools = conversation["tools"].flatMap { $0.isNull ? nil : TemplateValue($0) }
            for addsPrompt in [false, true] {
                let outcome = Result { () throws(InputError) in
                    try template.get().render(
                        messages: messages, tools: tools, addGenerationPrompt: addsPrompt, bosToken: "<s>", eosToken: "</s>",
                        extra: Goldens.variables(conversation["extra"]), now: Goldens.now)
                }
                let expected = try #require(expectations[title + (addsPrompt ? "+" : "")])
                let got = try? outcome.get()
                let summary = got.map { "\(Goldens.fnv($0)) \($0.utf8.count)" }
                #expect(summary == expected.string, "\(title), prompt \(addsPrompt): \(outcome)")
            }
        }
    }
}
