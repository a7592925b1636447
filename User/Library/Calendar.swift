// The time of day as text.

/// "Sat Nov 21 04:33:00 UTC 2026", of seconds since 1970-01-01 00:00 UTC.
public func dateText(_ seconds: UInt64) -> Text { Calendar.text(seconds) }

/// "2026-11-21 04:33", of seconds since 1970-01-01 00:00 UTC.
public func shortDateText(_ seconds: UInt64) -> Text { Calendar.shortText(seconds) }

private enum Calendar {
    static func shortText(_ seconds: UInt64) -> Text {
        let (year, month, day) = civil(Int(seconds / 86400))
        var text: Text = "\(year)-"
        text.append(UInt64(month), width: 2, zeros: true)
        text.append("-")
        text.append(UInt64(day), width: 2, zeros: true)
        text.append(" ")
        text.append(seconds / 3600 % 24, width: 2, zeros: true)
        text.append(":")
        text.append(seconds / 60 % 60, width: 2, zeros: true)
        return text
    }

    static func text(_ seconds: UInt64) -> Text {
        let weekdays: CString = "ThuFriSatSunMonTueWed"
        let months: CString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        let days = Int(seconds / 86400)
        let (year, month, day) = civil(days)
        var clock = Text()
        clock.append(seconds / 3600 % 24, width: 2, zeros: true)
        clock.append(":")
        clock.append(seconds / 60 % 60, width: 2, zeros: true)
        clock.append(":")
        clock.append(seconds % 60, width: 2, zeros: true)
        return "\(three(weekdays, days % 7)) \(three(months, month - 1)) \(day, width: 2) \(clock) UTC \(year)"
    }

    private static func three(_ names: CString, _ index: Int) -> Text {
        var text = Text()
        for place in 0..<3 { text.bytes.append(names[index * 3 + place]) }
        return text
    }

    /// Days since 1970-01-01 as year, month and day of the Gregorian calendar. Years begin in March here, so the leap
    /// day is the last of its year; 400 years have 146097 days.
    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468  // since 0000-03-01
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * march + 2) / 5 + 1)
    }
}
