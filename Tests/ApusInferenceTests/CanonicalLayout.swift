import ApusDescription

@testable import ApusModels

extension CheckpointLayout {
    /// A layout of a file whose names are our own.
    static func canonical(_ description: DecoderDescription) -> CheckpointLayout {
        var outer: [Row] = [], inner: [Row] = []
        for parameter in description.parameters where parameter.name.hasSuffix(".weight") {
            let module = String(parameter.name.dropLast(".weight".count)), parts = module.split(separator: ".", maxSplits: 2).map(String.init)
            if parts[0] != "layers" {
                outer.append(Row(module, module))
            } else if parts[1] == "0" {
                inner.append(Row(parts[2], "layers.#." + parts[2]))
            }
        }
        return CheckpointLayout(outer: outer, inner: inner)
    }
}
