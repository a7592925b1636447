// rm: removes files and empty directories.

import SystemInterface
import UserLibrary

@main enum Remove: Program {
    static let usage: StaticString = """
        usage: rm file ...
        Removes files, and directories that are empty.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        arguments.takeOptions(usage) { _, _ in false }
        guard arguments.count > 0 else { Arguments.refuse("nothing named", usage) }
        var status: Int32 = 0
        for index in 0..<arguments.count {
            do throws(SystemError) {
                try System.unlink(arguments[index])
            } catch {
                complain("\(arguments[index]): \(error)")
                status = 1
            }
        }
        return status
    }
}
