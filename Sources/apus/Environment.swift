import ApusBase
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

    /// The file or folder that MODEL stands for.
    static func modelPath(_ model: String) throws(InputError) -> String {
        model
    }
}
