// touch: makes files that are not there.

import SystemInterface
import UserLibrary

@main enum Touch: Program {
    static let usage: StaticString = """
        usage: touch file ...
        Makes empty files of those that are not there. The others stay as they are: this file system keeps no times.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        arguments.takeOptions(usage) { _, _ in false }
        guard arguments.count > 0 else { Arguments.refuse("nothing named", usage) }
        var status: Int32 = 0
        for index in 0..<arguments.count where !isDirectory(arguments[index]) {
            do throws(SystemError) {
                try System.close(try System.open(arguments[index], .create))
            } catch {
                complain("\(arguments[index]): \(error)")
                status = 1
            }
        }
        return status
    }
}
