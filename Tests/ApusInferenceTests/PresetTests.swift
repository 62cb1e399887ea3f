import ApusBase
import ApusDescription
import Testing

@testable import ApusModels

/// The presets against transformers (Tests/Goldens/make_presets.py): exact counts, and the descriptions that the families read from the
/// same configurations.
@Suite struct PresetTests {
    private func goldens() throws -> JSONObject {
        try #require(try JSON(contentsOf: GoldenLogitsTests.folder + "presets.json").object)
    }

    @Test func countsAreThePublishedOnes() throws {
        let goldens = try goldens()
        #expect(Set(goldens.keys) == Set(Preset.all.map(\.name)) && goldens.count == Preset.all.count)
        for preset in Preset.all { #expect(preset.description.parameterCount == goldens[preset.name]?["parameters"]?.int, "\(preset.name)") }
    }

    @Test func descriptionsAreThoseOfTheConfigurations() throws {
        for (name, golden) in try goldens().members {
            guard var object = golden["config"]?.object, let type = golden["model_type"] else { continue }
            object["model_type"] = type
            var config = ConfigReader(path: name, object)
            let family = try #require(Families.named(type.string!)), description = try family.description(of: &config)
            #expect(try config.unknownKeys().isEmpty, "\(name)")
            #expect(description == Preset.named(name).first?.description, "\(name)")
        }
    }

    @Test func namesStandForSizesFamiliesAndAll() {
        #expect(Preset.named("llama-2-7b").map(\.name) == ["llama-2-7b"])
        #expect(Preset.named("llama-2").map(\.name) == ["llama-2-7b", "llama-2-13b", "llama-2-70b"])
        #expect(Preset.named("llama").count == 15 && Preset.named("all").count == Preset.all.count && Preset.named("lla").isEmpty)
    }
}
