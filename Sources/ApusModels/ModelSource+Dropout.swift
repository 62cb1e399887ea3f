import ApusBase
import ApusDescription

/// What a model's configuration leaves out in training.
package struct ConfiguredDropout: Sendable {
    package var description = DropoutDescription.none
    /// The keys that ask for it, each as "attn_pdrop is 0.1".
    package var keys: [String] = []
    /// Keys that ask for what is not done here, likewise. Those of other heads say nothing of what is trained.
    package var ignoredKeys: [String] = []
}

extension ModelSource {
    /// - Throws: an `InputError` when a chance is not one.
    package func dropout() throws(InputError) -> ConfiguredDropout {
        let path = path + "/config.json"
        guard hasConfiguration, fileExists(path), let object = try JSON(contentsOf: path).object,
            let family = object["model_type"]?.string.flatMap({ Families.named($0) })
        else { return ConfiguredDropout() }
        var config = ConfigReader(path: path, object), dropout = ConfiguredDropout()
        dropout.description = try family.dropout(of: &config)
        for (key, value) in object.members where key.contains("drop") && value.double ?? 0 != 0 {
            if config.used.contains(key) {
                dropout.keys.append("\(key) is \(value.serialized())")
            } else if !key.hasPrefix("classifier"), !key.hasPrefix("summary") {
                dropout.ignoredKeys.append("\(key) is \(value.serialized())")
            }
        }
        return dropout
    }
}
