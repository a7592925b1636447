// sh: reads commands and runs them. Syntax.swift has the language, Execution.swift what the commands do.

import SystemInterface
import UserLibrary

@main enum Shell: Program {
    static let usage: StaticString = """
        usage: sh [-c command | file]
        Reads commands from the console, or from the file, and runs them.
          a | b          b reads what a writes        a ; b     one after the other
          a < f, > f, >> f   from, to, at the end of a file     a &       without waiting
          a && b, a || b     b if a succeeded, or failed        ( a ; b ) as one command
          'x y' "x y" \\     one word                            $?        the last exit status
        Its own commands: cd [directory], exit [status], wait (for what runs without waiting).
        """

    /// What $? stands for.
    nonisolated(unsafe) static var lastStatus: Int32 = 0
    nonisolated(unsafe) private static var background: [Int32] = []

    static func run(_ arguments: Arguments) -> Int32 {
        if arguments.count == 2, arguments[0] == "-c" {
            runLine([UInt8](arguments[1].bytes), isInteractive: false)
            return lastStatus
        }
        guard arguments.count <= 1 else { Arguments.refuse("one file is wanted", usage) }
        var input = Descriptor.standardInput
        if arguments.count == 1 {
            do throws(SystemError) { input = try System.open(arguments[0]) } catch { fail("\(arguments[0]): \(error)") }
        }
        readCommands(from: input)
        return lastStatus
    }

    private static func readCommands(from input: Descriptor) {
        var lines = LineReader(input)
        let isInteractive = isConsole(input)
        if isInteractive { System.setForeground(0) }
        while true {
            if isInteractive { prompt() }
            do throws(SystemError) {
                guard let line = try lines.next() else { return }
                runLine(line, isInteractive: isInteractive)
            } catch {
                fail("reading commands: \(error)")
            }
        }
    }

    private static func isConsole(_ file: Descriptor) -> Bool {
        do throws(SystemError) { return try System.status(file).type == FileType.device.rawValue } catch { return false }
    }

    private static func prompt() {
        var error = Output(.standardError)
        error.write("$ ")
        error.flush()
    }

    private static func runLine(_ line: [UInt8], isInteractive: Bool) {
        do throws(SyntaxError) {
            let command = try Parser.parse(line)
            if case .nothing = command { return }
            lastStatus = Execution.runJob(command, isInteractive: isInteractive)
        } catch {
            complain("syntax: \(error.reason)")
            lastStatus = 2
        }
    }

    // MARK: Background processes

    static func backgroundStarted(_ pid: Int32) { background.append(pid) }

    static func backgroundEnded(_ pid: Int32) { background.removeAll { $0 == pid } }

    static func waitForBackground() {
        while !background.isEmpty {
            do throws(SystemError) { backgroundEnded(try System.wait().pid) } catch { background.removeAll() }
        }
    }
}
