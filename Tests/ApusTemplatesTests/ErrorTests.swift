import ApusBase
import ApusTemplates
import Testing

@Suite("Errors say what and where")
struct ErrorTests {
    static let examples: [(String, String)] = [
        ("a\nb\n{{ 'x' + 1 }}", "test, at line 3: '+' does not work on string and int"),
        ("\n\n{% nosuch %}", "test, at line 3: the tag 'nosuch' is unknown"),
        ("{{ x|nosuch }}", "test, at line 1: the filter 'nosuch' is unknown"),
        ("{{ x is nosuch }}", "test, at line 1: the test 'nosuch' is unknown"),
        ("\n{{ nosuch() }}", "test, at line 2: 'nosuch' is undefined"),
        ("\n{{ nosuch.a }}", "test, at line 2: 'nosuch' is undefined"),
        ("{{ [].a.b }}", "test, at line 1: a value of type list has no member 'a'"),
        ("\n{% if 1 %}\n\n", "test, at line 2: the 'if' of line 2 is not closed"),
        ("{% for x in y %}\n{% endif %}", "test, at line 2: the tag 'endif' closes nothing; the 'for' of line 1 is open"),
        ("{% include 'x' %}", "test, at line 1: the tag 'include' is not supported: a chat template must stand alone"),
        ("{% extends 'x' %}", "test, at line 1: the tag 'extends' is not supported: a chat template must stand alone"),
        ("{% import 'x' as y %}", "test, at line 1: the tag 'import' is not supported: a chat template must stand alone"),
        ("{{ raise_exception('Only text.') }}", "test, at line 1: the template refuses this conversation: Only text."),
        ("{{\n'a\n\n", "test, at line 2: the string is not closed by '"),
        ("\n{# a\n\n", "test, at line 2: the comment is not closed by '#}'"),
        ("{{ 1 \u{1F642} }}", "test, at line 1: the character '\u{1F642}' has no meaning in a tag"),
        ("{{ 1 ! 2 }}", "test, at line 1: the character '!' has no meaning in a tag"),
        ("{{ '\\ud800' }}", "test, at line 1: the escape '\\u' needs 4 hexadecimal digits that name a character"),
        ("{{ 012 }}", "test, at line 1: '012' is not a number"),
        ("{% macro m(a, a) %}{% endmacro %}", "test, at line 1: the parameter 'a' is named twice"),
        ("{% macro m(a=1, b) %}{% endmacro %}", "test, at line 1: the parameter 'b' without a default follows one with a default"),
        (
            "{{ [1].append(2) }}",
            "test, at line 1: 'append' would change a list, which a template must not; make a new one or use a namespace"
        ),
        ("{{ {}|dictsort(by='x') }}", "test, at line 1: 'dictsort' sorts by 'key' or 'value'"),
        ("{{ 'a'.split('') }}", "test, at line 1: 'split' needs a separator that is not empty"),
        ("{{ 'abc'[::0] }}", "test, at line 1: a slice's step must not be zero"),
        ("{{ [1]|join(a=1) }}", "test, at line 1: 'join' takes no argument 'a'"),
    ]

    @Test(arguments: examples) func messages(_ source: String, _ expected: String) throws {
        let error = try #require(throws: InputError.self) { try Goldens.render(source) }
        #expect(error.description == expected)
    }

    @Test func refusesOnlyWhatIsReached() throws {
        let source = "{% if x %}{{ y|from_json }}{% endif %}{{ 'a' if not x else y is nosuch }}"
        #expect(try Goldens.render(source) == "a")
        #expect(throws: InputError.self) { try Goldens.render(source, ["x": true]) }
    }
}

@Suite("Messages become values")
struct ChatMessageTests {
    static let listing = "{% for m in messages %}{% for k, v in m.items() %}{{ k }}={{ v }};{% endfor %}{% endfor %}"

    @Test func readsJSON() throws {
        let json = try JSON(parsing: Array(#"{"role":"assistant","tool_calls":[{"a":1.5}],"content":null}"#.utf8), subject: "x")
        let message = try ChatMessage(json)
        let text = try ChatTemplate(source: ChatMessageTests.listing, name: "t").render(messages: [message])
        #expect(text == "role=assistant;content=None;tool_calls=[{'a': 1.5}];")
    }

    @Test(arguments: [#"{"content":"x"}"#, #"{"role":5}"#, "[]", "null"]) func refuses(_ text: String) throws {
        let json = try JSON(parsing: Array(text.utf8), subject: "x")
        #expect(throws: InputError.self) { try ChatMessage(json) }
    }

    @Test func passesReasoningUnderBothNames() throws {
        let message = ChatMessage(role: "assistant", content: "a", fields: TemplateObject([("reasoning", "r")]))
        let template = try ChatTemplate(source: "{{ messages[0].reasoning_content }}{{ messages[0].thinking }}", name: "t")
        #expect(try template.render(messages: [message]) == "rr")
    }

    @Test func givesTheUsualVariables() throws {
        let source = "{{ bos_token }}{{ tools }}{{ add_generation_prompt }}{{ documents }}{{ eos_token is defined }}{{ x }}"
        let template = try ChatTemplate(source: source, name: "t")
        let text = try template.render(messages: [], addGenerationPrompt: false, bosToken: "<s>", extra: ["x": 5])
        #expect(text == "<s>NoneFalseNoneFalse5")
    }

    @Test func partsAreTheTemplatesToRefuse() throws {
        let source = """
            {% for p in messages[0].content %}{% if p.type == 'text' %}{{ p.text }}\
            {% else %}{{ raise_exception('Only text is supported.') }}{% endif %}{% endfor %}
            """
        let template = try ChatTemplate(source: source, name: "t")
        let text: TemplateValue = ["type": "text", "text": "hi"]
        #expect(try template.render(messages: [ChatMessage(role: "user", content: .array([text, text]))]) == "hihi")
        let error = try #require(throws: InputError.self) {
            try template.render(messages: [ChatMessage(role: "user", content: [["type": "image"]])])
        }
        #expect(error.rule.contains("Only text is supported."))
    }

    @Test func deepValuesAreRefused() throws {
        var value: TemplateValue = 1
        for _ in 0..<500 { value = .array([value]) }
        let deep = value
        #expect(throws: InputError.self) { try Goldens.render("x", ["v": deep]) }
    }
}
