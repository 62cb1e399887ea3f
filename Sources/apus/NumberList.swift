import ArgumentParser

/// Whole numbers with commas between them, for example 1,2,3; spaces do not count.
struct NumberList<Number: FixedWidthInteger>: ExpressibleByArgument {
    let values: [Number]

    init?(argument: String) {
        var values: [Number] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let value = Number(part.filter { $0 != " " }) else { return nil }
            values.append(value)
        }
        self.values = values
    }
}
