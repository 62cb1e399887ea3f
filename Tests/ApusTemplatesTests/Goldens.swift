import ApusBase
import ApusTemplates
import Glibc

/// The committed expectations beside the tests, and the templates of others that are only on some machines.
enum Goldens {
    static let now = CivilTime(year: 2024, month: 12, day: 3, hour: 14, minute: 5, second: 6)

    static func json(_ name: String) throws -> JSON {
        let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
        return try JSON(contentsOf: "\(folder)/Goldens/templates/\(name)")
    }

    /// Where the model templates are, if `APUS_TEST_CACHE` names a folder that has them.
    static let modelFolder: String? = {
        guard let cache = getenv("APUS_TEST_CACHE") else { return nil }
        let folder = String(cString: cache) + "/llama.cpp-models/templates"
        return access(folder, R_OK) == 0 ? folder : nil
    }()

    static func fnv(_ text: String) -> String {
        var state: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(state, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// What a template gives for the value, with nothing but the variables given.
    static func render(
        _ source: String, _ variables: [String: TemplateValue] = [:], limits: TemplateLimits = TemplateLimits()
    ) throws(InputError) -> String {
        try ChatTemplate(source: source, name: "test").render(variables: variables, limits: limits, now: now)
    }

    static func variables(_ json: JSON?) -> [String: TemplateValue] {
        Dictionary(uniqueKeysWithValues: (json?.object?.members ?? []).map { ($0.key, TemplateValue($0.value)) })
    }
}
