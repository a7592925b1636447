// date: the time of day, in UTC.

import SystemInterface
import UserLibrary

@main enum Date: Program {
    static let usage: StaticString = """
        usage: date [-s]
        Prints the date and time in UTC, or with -s the seconds since 1970.
        """
    static let options: StaticString? = "s"

    static func run(_ arguments: Arguments) -> Int32 {
        let onlySeconds = arguments.has("s")
        arguments.expectNone()
        do throws(SystemError) {
            let seconds = try System.wallClock() / 1_000_000_000
            print(onlySeconds ? "\(seconds)" : dateText(seconds))
            return 0
        } catch {
            fail("\(error)")
        }
    }
}
