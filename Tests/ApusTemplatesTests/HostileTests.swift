import ApusBase
import ApusTemplates
import Glibc
import Testing

@Suite("Hostile templates are refused")
struct HostileTests {
    /// Templates that would run for ever, exhaust the memory or the stack, with a word of the error they must give.
    static let endless: [(String, String)] = [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "levels deep"),
        ("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "levels deep"),
        ("{% macro m(x=m()) %}{% endmacro %}{{ m() }}", "levels deep"),
        ("{{ 'a' * 10**9 }}", "limit"),
        ("{{ 'a' * 10**18 * 10 }}", "limit"),
        ("{{ [1] * 10**12 }}", "bytes"),
        ("{{ [1] * 9223372036854775807 }}", "bytes"),
        ("{{ range(10**9) }}", "elements"),
        ("{{ range(-9223372036854775807, 9223372036854775807) }}", "elements"),
        ("{% set ns = namespace(x='abcdefgh') %}{% for i in range(99999) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", "limit"),
        ("{% set ns = namespace(x='abcdefgh') %}{% for i in range(99999) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "limit"),
        ("{% set ns = namespace(x=[1]) %}{% for i in range(99999) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "bytes"),
        ("{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}", "nest"),
        ("{% set ns = namespace(x={}) %}{% for i in range(99999) %}{% set ns.x = {'a': ns.x} %}{% endfor %}", "nest"),
        ("{% set ns = namespace(x=1) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}", "steps"),
        ("{% set ns = namespace(x=1) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}", "steps"),
        ("{% set n = namespace(x=1, y=1) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}", "steps"),
        ("{% set n = namespace(x=1, y=1) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x < n.y }}", "steps"),
        ("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}", "nest"),
        ("{% for i in range(99999) %}{{ 'abcdefgh' * 1000 }}{% endfor %}", "limit"),
        ("{{ 'x'.center(10**12) }}", "limit"),
        ("{{ 'x'.zfill(10**12) }}", "limit"),
        ("{{ 'x'|indent(10**12) }}", "limit"),
        ("{{ '{:>1000000000000}'.format(1) }}", "limit"),
        ("{{ '%1000000000000d' % 1 }}", "limit"),
        ("{{ '{:.1000000000f}'.format(1.5) }}", "precision"),
        ("{{ ('ab' * 1000).replace('', 'x' * 100000) }}", "limit"),
        ("{{ [1]|tojson(indent=10**10) }}", "limit"),
        ("{{ [[[1]]]|tojson(indent='x' * 10**7) }}", "limit"),
        ("{{ [1]|batch(10**12, 0)|list }}", "bytes"),
        ("{{ [1]|slice(10**12)|list }}", "bytes"),
        ("{{ ('a' * 10**6)|list|join('b' * 10**6) }}", "limit"),
        ("{{ ('a' * 5 * 10**6 ~ 'b') in ('a' * 10**7) }}", "bytes"),
        ("{% set s = 'a' * 10**6 %}{% for i in range(99999) %}{% if s|length == 1 %}{% endif %}{% endfor %}", "bytes"),
        ("{{ 2**63 }}", "64 bits"),
        ("{{ 9223372036854775807 + 1 }}", "64 bits"),
        ("{{ -9223372036854775807 - 2 }}", "64 bits"),
        ("{{ (-9223372036854775807 - 1) // -1 }}", "64 bits"),
        ("{{ (-9223372036854775807 - 1)|abs }}", "64 bits"),
        ("{{ 99999999999999999999 }}", "64 bits"),
        ("{{ 10**400 }}", "64 bits"),
        ("{{ 10.0**400 }}", "too large"),
        ("{{ 1e300|int }}", "64 bits"),
        ("{{ strftime_now('%1000000Y') }}", "format"),
        ("{{ strftime_now('%Y' * 10000) }}", "format"),
    ]

    @Test(arguments: endless) func limits(_ source: String, _ word: String) throws {
        let error = try #require(throws: InputError.self) { try Goldens.render(source) }
        #expect(error.description.contains(word), "\(error)")
        #expect(error.description.contains("line 1"))
    }

    @Test(arguments: [
        ("(", ")"), ("[", "]"), ("{1:", "}"), ("not ", ""), ("-", ""), ("a if b else ", ""), ("f(", ")"), ("x[", "]"), ("1 is eq(", ")"),
        ("a|default(", ")"), ("'a' ~ (", ")"), ("(a if ", ")"),
    ])
    func deepNesting(_ opening: String, _ closing: String) throws {
        func source(_ count: Int) -> String {
            "{{ " + String(repeating: opening, count: count) + "1" + String(repeating: closing, count: count) + " }}"
        }
        let error = try #require(throws: InputError.self) { _ = try ChatTemplate(source: source(50_000), name: "deep") }
        #expect(error.rule.contains("nests deeper"))
        if opening != "(a if " { _ = try ChatTemplate(source: source(30), name: "nested") }
    }

    @Test(arguments: ["+1", " and 1", " or 1", "*1", "**1", ".a", "[0]", "()", "|list", " if 1", " is odd"])
    func longChains(_ link: String) throws {
        let source = "{{ 1" + String(repeating: link, count: 100_000) + " }}"
        do throws(InputError) {
            _ = try Goldens.render(source)
            Issue.record("the chain of \(link) is not refused")
        } catch {
            #expect(error.location == "line 1")
        }
    }

    @Test(arguments: ["{% if 1 %}", "{% for x in [1] %}", "{% filter upper %}", "{% macro m() %}", "{% set x %}", "{% with %}"])
    func deepStatements(_ opening: String) throws {
        let error = try #require(throws: InputError.self) {
            _ = try ChatTemplate(source: String(repeating: opening, count: 100_000), name: "deep")
        }
        #expect(error.rule.contains("nests deeper"))
    }

    /// What the limits let through fits the stack of a small thread, parsing and running.
    @Test(arguments: [70, 12, 1]) func deepestRunFits(_ depth: Int) throws {
        let expression = String(repeating: "(1 + ", count: depth) + "m(n + 1)|int" + String(repeating: ")", count: depth)
        let source = "{% macro m(n) %}{% if 1 %}{% for x in [1] %}{{ " + expression + " }}{% endfor %}{% endif %}{% endmacro %}{{ m(0) }}"
        let rule = onSmallThread {
            do throws(InputError) { return try Goldens.render(source) } catch { return error.rule }
        }
        #expect(rule.contains("deep"), "\(rule)")
    }

    /// Runs the body on a thread with a stack of 1 MiB.
    private func onSmallThread(_ body: @escaping () -> String) -> String {
        final class Task {
            let body: () -> String
            var result = ""
            init(_ body: @escaping () -> String) { self.body = body }
        }
        let task = Task(body)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, 1 << 20)
        defer { pthread_attr_destroy(&attributes) }
        var thread = pthread_t()
        let start: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
            let task = Unmanaged<Task>.fromOpaque(context!).takeUnretainedValue()
            task.result = task.body()
            return nil
        }
        let code = pthread_create(&thread, &attributes, start, Unmanaged.passUnretained(task).toOpaque())
        #expect(code == 0)
        pthread_join(thread, nil)
        return task.result
    }

    @Test func chainsOfScopesAreFreed() throws {
        let source = """
            {% set ns = namespace(m=none) %}{% for i in range(50000) %}{% set previous = ns.m %}\
            {% macro m() %}{{ previous }}{% endmacro %}{% set ns.m = m %}{% endfor %}done
            """
        #expect(try Goldens.render(source).hasSuffix("done"))
        let linked = "{% set ns = namespace() %}{% for i in range(90000) %}{% set ns.n = namespace(n=ns.n) %}{% endfor %}done"
        #expect(try Goldens.render(linked) == "done")
        let loops = "{% set ns = namespace(l=1) %}{% for i in range(90000) %}{% for x in [ns.l] %}{% set ns.l = loop %}{% endfor %}{% endfor %}"
        #expect(throws: InputError.self) { try Goldens.render(loops) }
    }

    @Test func limitsAreTheCallers() throws {
        let source = "{% for i in range(100) %}abcdefghij{% endfor %}"
        #expect(try Goldens.render(source).count == 1000)
        #expect(throws: InputError.self) { try Goldens.render(source, limits: TemplateLimits(steps: 100)) }
        #expect(throws: InputError.self) { try Goldens.render(source, limits: TemplateLimits(outputBytes: 999)) }
        #expect(throws: InputError.self) { try Goldens.render(source, limits: TemplateLimits(workBytes: 900)) }
        #expect(throws: InputError.self) { try Goldens.render(source, limits: TemplateLimits(rangeCount: 99)) }
        #expect(try Goldens.render(source, limits: TemplateLimits(outputBytes: 1000, rangeCount: 100)).count == 1000)
    }
}
