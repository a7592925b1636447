// Dates of HTTP (RFC 9110, 5.6.7): one form is sent, three are understood.

public enum HTTPDate {
    private static let days: StaticString = "MonTueWedThuFriSatSun"
    private static let longDays: StaticString = "Monday   Tuesday  WednesdayThursday Friday   Saturday Sunday   "
    private static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate), of seconds since 1970-01-01 00:00 UTC, up to the year 9999.
    public static func text(_ seconds: UInt64) -> [UInt8] {
        let day = Int(min(seconds, 253_402_300_799) / 86_400)
        var year = 1970 + day / 366
        while daysBefore(year + 1, 1) <= day { year += 1 }
        var month = 1
        while month < 12, daysBefore(year, month + 1) <= day { month += 1 }
        var text = word(days, (day + 3) % 7) + [44, 32] + digits(day - daysBefore(year, month) + 1) + [32]
        text += word(months, month - 1) + [32] + digits(year / 100) + digits(year % 100) + [32]
        text += digits(Int(seconds / 3600 % 24)) + [58] + digits(Int(seconds / 60 % 60)) + [58]
        return text + digits(Int(seconds % 60)) + [32, 71, 77, 84]
    }

    private static func word(_ words: StaticString, _ index: Int) -> [UInt8] { (0..<3).map { words[index * 3 + $0] } }

    private static func digits(_ value: Int) -> [UInt8] { [UInt8(48 + value / 10 % 10), UInt8(48 + value % 10)] }

    /// Days from 1970-01-01 to the first of a month of the Gregorian calendar.
    private static func daysBefore(_ year: Int, _ month: Int) -> Int {
        let lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30]
        let years = year - 1
        let before = years * 365 + years / 4 - years / 100 + years / 400 - 719_162
        return lengths[0..<month - 1].reduce(before, +)
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    /// Seconds since 1970 of a date in any of the three forms; nil for anything else, and for dates before 1970.
    /// - Parameter now: by which a year of two digits is understood: not more than 50 years ahead. 0: not known.
    public static func seconds(_ text: [UInt8], now: UInt64) -> UInt64? {
        var reader = Reader(bytes: text)
        guard let isLong = reader.day() else { return nil }
        let date: (year: Int, month: Int, day: Int)
        let time: Int
        if reader.take(", ") {
            guard let day = reader.number(2), reader.take(isLong ? "-" : " "), let month = reader.month(),
                reader.take(isLong ? "-" : " "), var year = reader.number(isLong ? 2 : 4), reader.take(" "),
                let clock = reader.clock(), reader.take(" GMT")
            else { return nil }
            if isLong { year = fullYear(year, now) }
            (date, time) = ((year, month, day), clock)
        } else {
            guard !isLong, reader.take(" "), let month = reader.month(), reader.take(" "),
                let day = reader.take(" ") ? reader.number(1) : reader.number(2), reader.take(" "),
                let clock = reader.clock(), reader.take(" "), let year = reader.number(4)
            else { return nil }
            (date, time) = ((year, month, day), clock)
        }
        guard reader.isAtEnd, date.year >= 1970, date.day >= 1 else { return nil }
        let first = daysBefore(date.year, date.month)
        let next = date.month == 12 ? daysBefore(date.year + 1, 1) : daysBefore(date.year, date.month + 1)
        guard first + date.day <= next else { return nil }
        return UInt64(first + date.day - 1) * 86_400 + UInt64(time)
    }

    private static func fullYear(_ short: Int, _ now: UInt64) -> Int {
        // Without a clock: the year that this was written in.
        let current = now == 0 ? 2026 : 1970 + Int(now / 31_556_952)
        let year = current / 100 * 100 + short
        return year > current + 50 ? year - 100 : year + 50 < current ? year + 100 : year
    }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        var isAtEnd: Bool { at == bytes.count }

        mutating func take(_ word: StaticString) -> Bool {
            guard at + word.utf8CodeUnitCount <= bytes.count else { return false }
            for i in 0..<word.utf8CodeUnitCount where bytes[at + i] != word[i] { return false }
            at += word.utf8CodeUnitCount
            return true
        }

        mutating func number(_ count: Int) -> Int? {
            guard at + count <= bytes.count else { return nil }
            var value = 0
            for i in 0..<count {
                guard bytes[at + i] >= 48, bytes[at + i] <= 57 else { return nil }
                value = value * 10 + Int(bytes[at + i]) - 48
            }
            at += count
            return value
        }

        /// Seconds since midnight; 60 is a leap second.
        mutating func clock() -> Int? {
            guard let hour = number(2), take(":"), let minute = number(2), take(":"), let second = number(2), hour < 24,
                minute < 60, second <= 60
            else { return nil }
            return hour * 3600 + minute * 60 + min(second, 59)
        }

        mutating func month() -> Int? { word(of: HTTPDate.months).map { $0 + 1 } }

        /// A day's name: true when it is the long one.
        mutating func day() -> Bool? {
            for index in 0..<7 {
                var length = 9
                while HTTPDate.longDays[index * 9 + length - 1] == 32 { length -= 1 }
                guard at + length <= bytes.count else { continue }
                if (0..<length).allSatisfy({ bytes[at + $0] == HTTPDate.longDays[index * 9 + $0] }) {
                    at += length
                    return true
                }
            }
            return word(of: HTTPDate.days) == nil ? nil : false
        }

        private mutating func word(of words: StaticString) -> Int? {
            guard at + 3 <= bytes.count else { return nil }
            for index in 0..<words.utf8CodeUnitCount / 3
            where (0..<3).allSatisfy({ bytes[at + $0] == words[index * 3 + $0] }) {
                at += 3
                return index
            }
            return nil
        }
    }
}
