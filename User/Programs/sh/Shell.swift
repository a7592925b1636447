// sh: reads commands and runs them. Syntax.swift has the language, Execution.swift what the commands do.

import SystemInterface
import UserLibrary

@main enum Shell: Program {
    static let usage: StaticString = """
        usage: sh [-c command | file]
        Reads commands from the console, or from the file, and runs them.
          a | b          b reads what a writes        a ; b     one after the other
          a < f, > f, >> f   from, to, at the end of a file     a &       without waiting
          2> f, 2>> f, 2>&1  the same for errors; 2>&1: where output goes
          a && b, a || b     b if a succeeded, or failed        ( a ; b ) as one command
          'x y' "x y" \\     one word                            $? $!     the last exit status, the last process behind &
        Its own commands, which need no process and no disk: cd [directory], exit [status], jobs (what runs without waiting),
        wait [pid ...] (for that), kill pid ..., halt [code], ps, dmesg; wait and kill know %1 for job 1. restrict before a command runs it without the right to power the machine
        off, to change the network, to read the disk itself or to see all frames.
        """
    static let options: StaticString? = "c:"

    /// $? of what ^C ended.
    static let interruptedStatus: Int32 = 128 + Int32(EndReason.interrupted.rawValue)
    /// Bytes of a command of several lines.
    private static let mostBytes = 64 << 10

    /// What $? stands for.
    static var lastStatus: Int32 {
        get { unsafe storedStatus }  // a program has one thread
        set { unsafe storedStatus = newValue }
    }

    nonisolated(unsafe) private static var storedStatus: Int32 = 0  // a program has one thread
    /// The file that commands come from, unless it is standard input.
    nonisolated(unsafe) private static var script: FileDescriptor?  // a program has one thread

    static func run(_ arguments: Arguments) -> Int32 {
        standardOutput.endsProgramOnError = false
        if let command = arguments.value("c") {
            arguments.expectNone()
            runLine(command.bytes)
            return lastStatus
        }
        guard arguments.count <= 1 else { arguments.refuse("one file at most") }
        if arguments.count == 1 {
            do throws(SystemError) { unsafe script = try System.open(Path(arguments[0])) } catch {  // one thread
                complain("\(arguments[0]): \(error)")
                return 127
            }
        }
        readCommands(from: unsafe script ?? .standardInput)  // a program has one thread
        return lastStatus
    }

    /// In a child, which does not read commands. Its own children have nothing to close.
    static func closeScript() {
        guard let file = unsafe script else { return }  // a program has one thread
        do throws(SystemError) { try System.close(file) } catch {}  // it is open
        unsafe script = nil  // a program has one thread
    }

    private static func readCommands(from input: FileDescriptor) {
        let isInteractive = isConsole(input)
        if isInteractive { Execution.becomeInteractive() }
        // Standard input is the children's too: nothing of it is read before a command needs it. The console gives a
        // line at a time.
        let ownsInput = isInteractive || input != .standardInput
        var lines = LineReader(input, readsAhead: ownsInput)
        var command: [UInt8] = []
        while true {
            if isInteractive {
                Jobs.tell()
                Jobs.reap()
                writeError(command.isEmpty ? "$ " : "> ")
            }
            do throws(SystemError) {
                guard let line = try lines.next() else { break }
                if line.contains(0) {
                    complain("a NUL byte: this is no text of commands")
                    lastStatus = 126
                    if isInteractive { continue }
                    return
                }
                command += line + [10]
                if command.count > mostBytes { fail("a command is longer than 64 KiB") }
                if runLine(command, mayGoOn: true, isInteractive) { command = [] }
            } catch {
                guard error == .interrupted, Interrupts.came() else { fail("reading commands: \(error)") }
                command = []
            }
        }
        if !command.isEmpty { runLine(command) }
    }

    /// Runs what a whole text says.
    /// - Parameters:
    ///   - mayGoOn: more lines may come.
    ///   - isInteractive: a line that ends with an operator is a slip; only quotes go on.
    /// - Returns: false if they are needed.
    @discardableResult
    private static func runLine(_ text: [UInt8], mayGoOn: Bool = false, _ isInteractive: Bool = false) -> Bool {
        do throws(SyntaxError) {
            let list = try Parser.parse(text)
            if !list.items.isEmpty { lastStatus = Execution.runJob(list) }
        } catch {
            if mayGoOn, isInteractive ? error.isInQuote : error.isIncomplete { return false }
            complain("syntax: \(error.reason)")
            lastStatus = 2
        }
        return true
    }

    /// Runs a command of the shell's own, which ends with what it printed.
    static func own(_ body: () -> Int32) -> Int32 {
        let status = body()
        standardOutput.flush()
        guard let error = standardOutput.takeError() else { return status }
        if error != .brokenPipe { complain("write error: \(error)") }
        return 1
    }
}
