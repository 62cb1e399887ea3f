import ApusBase
import ApusHub
import ApusTensor
import Glibc

/// The one place that reads the environment.
enum Environment {
    static func value(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// `APUS_ISA` forces an instruction set.
    static func instructionSet() throws(InputError) -> InstructionSet? {
        guard let name = value("APUS_ISA") else { return nil }
        guard let set = InstructionSet(rawValue: name) else {
            throw InputError("APUS_ISA", "\(name) is not known", remedy: "use \(InstructionSet.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard set.isSupported else { throw InputError("APUS_ISA", "this processor has no \(name)") }
        return set
    }

    /// The file or folder that MODEL stands for: itself, or `org/name[@revision][:file.gguf]` in the Hugging Face cache.
    static func modelPath(_ model: String) throws(InputError) -> String {
        if fileExists(model) { return model }
        return try HubCache(folder: hubFolder).modelPath(model) ?? model
    }

    /// Where models are fetched from and kept, by the variables of `huggingface_hub`.
    static func hub() throws(InputError) -> HubConfiguration {
        try HubConfiguration(
            endpoint: value("HF_ENDPOINT") ?? "https://huggingface.co", token: value("HF_TOKEN"), cacheFolder: hubFolder,
            isOffline: ["1", "on", "yes", "true"].contains(value("HF_HUB_OFFLINE")?.lowercased()))
    }

    private static var hubFolder: String {
        if let folder = value("HF_HUB_CACHE") { return folder }
        if let home = value("HF_HOME") { return home + "/hub" }
        return (value("XDG_CACHE_HOME") ?? (value("HOME") ?? ".") + "/.cache") + "/huggingface/hub"
    }
}
