// date: the time of day, in UTC.

import SystemInterface
import UserLibrary

@main enum Date: Program {
    static let usage: StaticString = """
        usage: date [-s]
        Prints the date and time in UTC, or with -s the seconds since 1970.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        var onlySeconds = false
        arguments.takeOptions(usage) { letter, _ in
            onlySeconds = true
            return letter == UInt8(ascii: "s")
        }
        guard arguments.count == 0 else { Arguments.refuse("\(arguments[0]) makes no sense", usage) }
        do throws(SystemError) {
            let seconds = try System.wallClock() / 1_000_000_000
            print(onlySeconds ? "\(seconds)" : dateText(seconds))
            return 0
        } catch {
            fail("\(error)")
        }
    }
}
