import Glibc

/// A date and time of day at some place, as `strftime_now` prints it.
public struct CivilTime: Sendable, Equatable {
    /// Of the Gregorian calendar.
    public var year: Int
    /// 1…12.
    public var month: Int
    /// 1…31.
    public var day: Int
    /// 0…23.
    public var hour: Int
    /// 0…59.
    public var minute: Int
    /// 0…60, a leap second included.
    public var second: Int

    /// Nothing is checked here: `strftime_now` refuses what is out of range.
    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    /// The machine's local time now.
    public static func current() -> CivilTime {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return CivilTime(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
            hour: Int(parts.tm_hour), minute: Int(parts.tm_min), second: Int(parts.tm_sec))
    }

    private static let directives = Set("aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyY%".unicodeScalars)

    /// The time in C's `strftime` notation; nil if the format holds a directive that the C locale does not define
    /// or a width, or the result is longer than 4096 bytes.
    func formatted(_ format: String) -> String? {
        var isDirective = false
        for scalar in format.unicodeScalars {
            if isDirective {
                if scalar == "-" { continue }
                guard CivilTime.directives.contains(scalar) else { return nil }
                isDirective = false
            } else {
                isDirective = scalar == "%"
            }
        }
        guard !isDirective, !format.utf8.contains(0), let years = Int32(exactly: year - 1900) else { return nil }
        guard (1...12).contains(month), (1...31).contains(day), (0..<24).contains(hour), (0..<60).contains(minute),
            (0...60).contains(second)
        else { return nil }
        var parts = tm()
        parts.tm_year = years
        parts.tm_mon = Int32(month - 1)
        parts.tm_mday = Int32(day)
        parts.tm_hour = Int32(hour)
        parts.tm_min = Int32(minute)
        parts.tm_sec = Int32(second)
        let dayOfYear = CivilTime.daysBeforeMonth(month, year: year) + day - 1
        parts.tm_yday = Int32(dayOfYear)
        parts.tm_wday = Int32(CivilTime.weekday(year: year, dayOfYear: dayOfYear))
        if format.isEmpty { return "" }
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = strftime(&bytes, bytes.count, format, &parts)
        return count == 0 ? nil : String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func daysBeforeMonth(_ month: Int, year: Int) -> Int {
        let lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return lengths[..<(month - 1)].reduce(0, +)
    }

    /// 0 is Sunday. In the proleptic Gregorian calendar, 1 January of year 1 was a Monday.
    private static func weekday(year: Int, dayOfYear: Int) -> Int {
        let before = year - 1
        let days = before * 365 + floored(before, 4) - floored(before, 100) + floored(before, 400) + dayOfYear
        return ((days % 7) + 8) % 7
    }

    private static func floored(_ value: Int, _ divisor: Int) -> Int {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }
}
