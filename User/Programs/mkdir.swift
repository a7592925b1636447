// mkdir: makes directories.

import SystemInterface
import UserLibrary

@main enum Mkdir: Program {
    static let usage: StaticString = """
        usage: mkdir directory ...
        Makes the directories.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        arguments.takeOptions(usage) { _, _ in false }
        guard arguments.count > 0 else { Arguments.refuse("nothing named", usage) }
        var status: Int32 = 0
        for index in 0..<arguments.count {
            do throws(SystemError) {
                try System.makeDirectory(arguments[index])
            } catch {
                complain("\(arguments[index]): \(error)")
                status = 1
            }
        }
        return status
    }
}
