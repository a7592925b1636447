// ln: gives a file another name.

import SystemInterface
import UserLibrary

@main enum Link: Program {
    static let usage: StaticString = """
        usage: ln existing new
        Gives an existing file a second name. Both are the same file from then on.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        arguments.takeOptions(usage) { _, _ in false }
        guard arguments.count == 2 else { Arguments.refuse("two names are wanted", usage) }
        do throws(SystemError) {
            try System.link(arguments[0], as: arguments[1])
            return 0
        } catch {
            fail("\(arguments[0]) as \(arguments[1]): \(error)")
        }
    }
}
