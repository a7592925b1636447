// halt: powers the machine off.

import SystemInterface
import UserLibrary

@main enum Halt: Program {
    static let usage: StaticString = """
        usage: halt [code]
        Powers the machine off. The code, 0 to 65535 (0 if none is given), becomes the exit status of the machine: QEMU's, so
        that the host sees its low 8 bits.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var code = 0
        if arguments.count > 0 {
            guard arguments.count == 1, let number = arguments[0].number, number >= 0, number <= 65535 else {
                arguments.refuse("the code is a number from 0 to 65535")
            }
            code = number
        }
        do throws(SystemError) {
            try System.halt(Int32(code))
        } catch {
            fail("\(error)")
        }
        return 1
    }
}
