import ApusBase

extension Interpreter {
    /// The byte offset of the part's first occurrence at or after `start`.
    func find(_ part: String, in text: String, from start: Int) throws(InputError) -> Int? {
        try charge(bytes: text.utf8.count)
        return try find(Array(part.utf8), in: Array(text.utf8), from: start)
    }

    /// Every byte that is compared is charged, so that no pattern makes the search run long.
    private func find(_ part: [UInt8], in text: [UInt8], from start: Int) throws(InputError) -> Int? {
        guard let first = part.first else { return start <= text.count ? start : nil }
        var index = start
        while index + part.count <= text.count {
            if text[index] == first {
                var matched = 1
                while matched < part.count, text[index + matched] == part[matched] { matched += 1 }
                if matched == part.count { return index }
                if matched > 8 { try charge(bytes: matched) }
            }
            index += 1
        }
        return nil
    }

    private func findLast(_ part: [UInt8], in text: [UInt8], before end: Int) throws(InputError) -> Int? {
        let reversed = try find(Array(part.reversed()), in: Array(text[..<end].reversed()), from: 0)
        return reversed.map { end - $0 - part.count }
    }

    /// The byte offsets of the occurrences that do not overlap, in order.
    func places(of part: String, in text: [UInt8], limit: Int, fromRight: Bool = false) throws(InputError) -> [Int] {
        var places: [Int] = []
        let part = Array(part.utf8)
        if fromRight {
            let reversed = try self.places(of: Array(part.reversed()), in: text.reversed(), limit: limit)
            return reversed.reversed().map { text.count - $0 - part.count }
        }
        places = try self.places(of: part, in: text, limit: limit)
        return places
    }

    private func places(of part: [UInt8], in text: [UInt8], limit: Int) throws(InputError) -> [Int] {
        try charge(bytes: text.count)
        var places: [Int] = []
        var start = 0
        while places.count < limit, let place = try find(part, in: text, from: start) {
            try charge(bytes: 8)
            places.append(place)
            start = place + part.count
        }
        return places
    }

    func replace(_ text: String, _ old: String, _ new: String, limit: Int) throws(InputError) -> String {
        let limit = limit < 0 ? Int.max : limit
        if old.isEmpty { return try interleave(text, new, limit: limit) }
        let bytes = Array(text.utf8)
        let places = try places(of: old, in: bytes, limit: limit)
        let (growth, overflow) = places.count.multipliedReportingOverflow(by: new.utf8.count)
        try charge(string: overflow ? Int.max : bytes.count + growth - places.count * old.utf8.count)
        var result: [UInt8] = []
        var start = 0
        for place in places {
            result += bytes[start..<place]
            result += new.utf8
            start = place + old.utf8.count
        }
        result += bytes[start...]
        return String(decoding: result, as: UTF8.self)
    }

    /// Replacing the empty string puts the new one before each character and at the end.
    private func interleave(_ text: String, _ new: String, limit: Int) throws(InputError) -> String {
        let count = min(limit, text.unicodeScalars.count + 1)
        let (growth, overflow) = count.multipliedReportingOverflow(by: new.utf8.count)
        try charge(string: overflow ? Int.max : text.utf8.count + growth)
        var result = ""
        var left = count
        for scalar in text.unicodeScalars {
            if left > 0 {
                result += new
                left -= 1
            }
            result.unicodeScalars.append(scalar)
        }
        return left > 0 ? result + new : result
    }

    func joined(_ parts: [String], by separator: String) throws(InputError) -> String {
        var result = ""
        for (index, part) in parts.enumerated() {
            try charge(bytes: part.utf8.count + separator.utf8.count)
            guard result.utf8.count <= limits.outputBytes else { throw failure("a string is longer than the limit of \(limits.outputBytes) bytes") }
            if index > 0 { result += separator }
            result += part
        }
        return result
    }

    /// `find`, `index` and `count` with optional bounds, in characters.
    func search(_ method: StringMethod, _ text: String, _ arguments: CallArguments) throws(InputError) -> Value {
        let name = method.rawValue
        let values = try bind(arguments, to: ["sub", "start", "end"], required: 1, of: name)
        let part = try self.text(values[0]!, for: name)
        let scalars = Array(text.unicodeScalars)
        func bound(_ value: Value?, _ fallback: Int) throws(InputError) -> Int {
            guard let value else { return fallback }
            if case .none = value { return fallback }
            let index = try integer(value, for: name)
            return index < 0 ? max(0, index < -scalars.count ? 0 : index + scalars.count) : index
        }
        let start = try bound(values[1], 0)
        let end = min(try bound(values[2], scalars.count), scalars.count)
        var found: Int?
        if start <= end {
            let bytes = Array(PythonText.string(scalars[start..<end]).utf8)
            if method == .count {
                if part.isEmpty { return .int(end - start + 1) }
                return .int(try places(of: part, in: bytes, limit: Int.max).count)
            }
            let isLast = method == .rfind || method == .rindex
            let place = isLast ? try findLast(Array(part.utf8), in: bytes, before: bytes.count) : try find(Array(part.utf8), in: bytes, from: 0)
            found = place.map { start + String(decoding: bytes[..<$0], as: UTF8.self).unicodeScalars.count }
        } else if method == .count {
            return .int(0)
        }
        guard found != nil || method == .find || method == .rfind else { throw failure("'\(name)' does not find the string") }
        return .int(found ?? -1)
    }

    func partition(_ text: String, _ arguments: CallArguments, fromRight: Bool) throws(InputError) -> Value {
        let name = fromRight ? "rpartition" : "partition"
        let separator = try self.text(try bind(arguments, to: ["sep"], required: 1, of: name)[0]!, for: name)
        guard !separator.isEmpty else { throw failure("'\(name)' needs a separator that is not empty") }
        let bytes = Array(text.utf8)
        let part = Array(separator.utf8)
        let place = fromRight ? try findLast(part, in: bytes, before: bytes.count) : try find(part, in: bytes, from: 0)
        guard let place else { return try makeTuple((fromRight ? ["", "", text] : [text, "", ""]).map { .string($0) }) }
        let before = String(decoding: bytes[..<place], as: UTF8.self)
        let after = String(decoding: bytes[(place + part.count)...], as: UTF8.self)
        return try makeTuple([.string(before), .string(separator), .string(after)])
    }
}
