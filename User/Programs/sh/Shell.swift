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
    static let options: StaticString? = "c:"

    /// What $? stands for.
    static var lastStatus: Int32 {
        get { unsafe storedStatus }  // a program has one thread
        set { unsafe storedStatus = newValue }
    }
    /// Processes that run without being waited for.
    private static var background: [Int32] {
        get { unsafe storedBackground }  // a program has one thread
        set { unsafe storedBackground = newValue }
    }

    nonisolated(unsafe) private static var storedStatus: Int32 = 0  // a program has one thread
    nonisolated(unsafe) private static var storedBackground: [Int32] = []  // a program has one thread

    static func run(_ arguments: Arguments) -> Int32 {
        if let command = arguments.value("c") {
            arguments.expectNone()
            runLine(command.bytes, isInteractive: false)
            return lastStatus
        }
        guard arguments.count <= 1 else { arguments.refuse("one file at most") }
        var input = FileDescriptor.standardInput
        if arguments.count == 1 {
            do throws(SystemError) { input = try System.open(Path(arguments[0])) } catch {
                fail("\(arguments[0]): \(error)")
            }
        }
        readCommands(from: input)
        return lastStatus
    }

    private static func readCommands(from input: FileDescriptor) {
        var lines = LineReader(input)
        let isInteractive = isConsole(input)
        if isInteractive { System.setForeground(0) }
        while true {
            if isInteractive { writeError("$ ") }
            do throws(SystemError) {
                guard let line = try lines.next() else { return }
                runLine(line, isInteractive: isInteractive)
            } catch {
                fail("reading commands: \(error)")
            }
        }
    }

    private static func isConsole(_ file: FileDescriptor) -> Bool {
        do throws(SystemError) { return try System.status(file).type == FileType.device.rawValue } catch {
            return false
        }
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
