import ApusBase

extension TrainingConfiguration {
    /// The keys that had other values in a checkpoint's configuration, each as "batch.micro is 8 and was 4". Keys that it lacks came later and
    /// are none of them.
    func changes(since earlier: JSON) -> [String] {
        (json.object?.members ?? []).flatMap { section in
            (section.value.object?.members ?? []).compactMap { key -> String? in
                guard let now = key.value.string, let before = earlier[section.key]?[key.key]?.string, now != before else { return nil }
                return "\(section.key).\(key.key) is \(now) and was \(before)"
            }
        }
    }
}
