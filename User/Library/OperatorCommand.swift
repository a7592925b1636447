// Commands that an operator needs when no process can be made or no program read: the shell has them itself, and they
// are programs too. Each gets the words behind its name and returns its exit status.

import SystemInterface

public struct OperatorCommand {
    private let name: CString
    public let usage: StaticString
    private let body: ([[UInt8]]) -> Int32

    private init(_ name: CString, _ usage: StaticString, _ body: @escaping ([[UInt8]]) -> Int32) {
        self.name = name
        self.usage = usage
        self.body = body
    }

    /// Runs it with the words behind its name; its exit status.
    public func run(_ words: [[UInt8]]) -> Int32 {
        guard words.first != CString("--help").bytes else {
            print("\(usage)")
            return 0
        }
        return body(words)
    }

    /// The command of this name; nil if there is none.
    public static func named(_ name: [UInt8]) -> OperatorCommand? {
        [kill, halt, ps, dmesg].first { $0.name.bytes == name }
    }

    public static var kill: OperatorCommand {
        OperatorCommand(
            "kill",
            """
            usage: kill [-9 | -15 | -KILL | -TERM] pid ...
            Ends the processes with these numbers (ps lists them, and so does ^P). All signals mean the same.
            """, killProcesses)
    }

    public static var halt: OperatorCommand {
        OperatorCommand(
            "halt",
            """
            usage: halt [code]
            Powers the machine off. The code, 0 to 65535 (0 if none is given), becomes the exit status of the machine: QEMU's, so
            that the host sees its low 8 bits.
            """, powerOff)
    }

    public static var ps: OperatorCommand {
        OperatorCommand(
            "ps",
            """
            usage: ps
            Lists the processes: number, parent's number, its state, the hart it ran on last, KiB of memory that it was given (not all
            of which it may have touched), open files, the most bytes its place's kernel stack ever held, name. A + marks one that is to end.
            """, listProcesses)
    }

    public static var dmesg: OperatorCommand {
        OperatorCommand(
            "dmesg",
            """
            usage: dmesg
            Prints the kernel's last messages (16 KiB of them), oldest first.
            """, printMessages)
    }

    /// Complains in the command's name, also when it is the shell's own.
    private static func complain(_ name: CString, _ message: Text) {
        standardOutput.flush()
        writeError("\(name): \(message)\n")
    }

    /// The signals that users are used to give all mean the same.
    private static func killProcesses(_ words: [[UInt8]]) -> Int32 {
        var words = words[...]
        let signals: [CString] = ["-9", "-15", "-2", "-KILL", "-TERM", "-INT", "--"]
        if let first = words.first, signals.contains(where: { $0.bytes == first }) { words.removeFirst() }
        guard !words.isEmpty else {
            complain("kill", "a process number is needed: kill pid ... (ps lists them)")
            return 2
        }
        var status: Int32 = 0
        for word in words {
            guard let pid = Scanner.number(word), pid > 0, pid <= Int(Int32.max) else {
                complain("kill", "\(word): not a process number (ps lists them)")
                status = 2
                continue
            }
            do throws(SystemError) { try System.kill(Int32(pid)) } catch {
                complain("kill", "\(pid): \(error)")
                status = 1
            }
        }
        return status
    }

    private static func powerOff(_ words: [[UInt8]]) -> Int32 {
        let code = words.first.map { Scanner.number($0) ?? -1 } ?? 0
        guard words.count <= 1, code >= 0, code <= 65535 else {
            complain("halt", "the code is a number from 0 to 65535")
            return 2
        }
        standardOutput.flush()
        do throws(SystemError) { try System.halt(Int32(code)) } catch { complain("halt", "\(error)") }
        return 1
    }

    private static func printMessages(_ words: [[UInt8]]) -> Int32 {
        guard takesNone(words, "dmesg") else { return 2 }
        var position: UInt64 = 0
        do throws(SystemError) {
            var messages = try System.kernelMessages(from: &position)
            while !messages.isEmpty {
                standardOutput.write(messages.span)
                messages = try System.kernelMessages(from: &position)
            }
            return 0
        } catch {
            complain("dmesg", "\(error)")
            return 1
        }
    }

    private static func listProcesses(_ words: [[UInt8]]) -> Int32 {
        guard takesNone(words, "ps") else { return 2 }
        var records: [ProcessRecord]
        do throws(SystemError) { records = try System.processes() } catch {
            complain("ps", "\(error)")
            return 1
        }
        records.sort { $0.pid < $1.pid }
        print("\("  PID  PPID STATE  HART      KIB FILES STACK NAME" as StaticString)")
        for record in records { show(record) }
        return 0
    }

    private static func show(_ record: ProcessRecord) {
        var name: [UInt8] = []
        for index in 0..<16 {
            guard record.nameByte(index) != 0 else { break }
            name.append(record.nameByte(index))
        }
        name = standardOutput.shown(name)
        if record.isKilled { name += [32, UInt8(ascii: "+")] }
        let state: StaticString =
            switch record.state {
            case .new: "new   "
            case .running: "run   "
            case .sleeping: "sleep "
            case .runnable: "ready "
            case .zombie: "zombie"
            }
        print(
            "\(Int(record.pid), width: 5) \(Int(record.parent), width: 5) \(state) \(Int(record.hart), width: 4) \(record.memory / 1024, width: 8) \(Int(record.openFiles), width: 5) \(UInt64(record.stack), width: 5) \(name)"
        )
    }

    private static func takesNone(_ words: [[UInt8]], _ name: CString) -> Bool {
        guard let word = words.first else { return true }
        complain(name, "unexpected argument: \(word)")
        return false
    }
}
