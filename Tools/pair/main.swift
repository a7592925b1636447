// pair NAME=COMMAND...: runs several guests in one terminal. Each line they print is shown behind its guest's name; a
// line typed as "NAME text" goes to that guest, any other line to all of them, Ctrl-C to the guest typed to last. Ends
// when all have ended, or with Ctrl-\.

import Foundation

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("pair: \(message)\n".utf8))
    exit(2)
}

let arguments = CommandLine.arguments.dropFirst()
if arguments.isEmpty || arguments.contains("--help") {
    print(
        "usage: pair NAME=COMMAND...\nRuns the commands side by side; \"NAME text\" types text to one of them, any other line to all.\n"
            + "Ctrl-C goes to the one typed to last (to all before that); Ctrl-\\ ends them.")
    exit(arguments.isEmpty ? 2 : 0)
}

/// One guest: its process, its keyboard, and what it printed of a line that is not complete.
final class Member: @unchecked Sendable {
    let name: String
    let process = Process()
    let keyboard = Pipe()
    private let screen = Pipe()
    private var line = Data()
    /// Guards `line` and the terminal.
    static let terminal = NSLock()

    init(name: String, command: String) throws {
        self.name = name
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // Whatever ends this program ends its guests.
        process.arguments = ["-c", "exec setpriv --pdeathsig KILL \(command)"]
        process.standardInput = keyboard
        process.standardOutput = screen
        process.standardError = screen
        screen.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            self?.show(data)
        }
        try process.run()
    }

    private func show(_ data: Data) {
        Member.terminal.lock()
        defer { Member.terminal.unlock() }
        for byte in data where byte != 13 {
            if byte == 10 { endLine() } else { line.append(byte) }
        }
        // A prompt is a line that does not end: the shell's shows at once.
        if line.elementsEqual("$ ".utf8) || data.isEmpty && !line.isEmpty { endLine() }
    }

    private func endLine() {
        FileHandle.standardOutput.write(Data("\(name)| ".utf8) + line + Data("\n".utf8))
        line.removeAll()
    }

    func type(_ keys: [UInt8]) {
        guard process.isRunning else { return }
        try? keyboard.fileHandleForWriting.write(contentsOf: Data(keys))
    }
}

signal(SIGPIPE, SIG_IGN)
var members: [Member] = []
for argument in arguments {
    let parts = argument.split(separator: "=", maxSplits: 1)
    guard parts.count == 2 else { fail("\(argument): NAME=COMMAND is expected") }
    do {
        members.append(try Member(name: String(parts[0]), command: String(parts[1])))
    } catch {
        fail("\(argument): \(error)")
    }
}

/// The terminal, which hands Ctrl-C and Ctrl-\ over as keys, at once, and not as signals: these would end QEMU, the
/// shells around this program and what else belongs to its group.
struct Terminal {
    static let interrupt: UInt8 = 3, leave: UInt8 = 28, newline: UInt8 = 10
    private var before = termios()
    private let isTerminal: Bool

    init() {
        isTerminal = unsafe tcgetattr(0, &before) == 0  // a variable's own place
        guard isTerminal else { return }
        var keys = before
        keys.c_lflag &= ~tcflag_t(ISIG)
        unsafe withUnsafeMutableBytes(of: &keys.c_cc) { codes in
            // A tuple of bytes, and both are numbers of bytes in it.
            unsafe codes[Int(VEOL)] = Self.interrupt
            unsafe codes[Int(VEOL2)] = Self.leave
        }
        _ = unsafe tcsetattr(0, TCSANOW, &keys)  // a variable's own place
    }

    func restore() {
        guard isTerminal else { return }
        var before = before
        _ = unsafe tcsetattr(0, TCSANOW, &before)  // a variable's own place
    }

    /// Restores the terminal and ends; the guests end with this program.
    func end() -> Never {
        restore()
        exit(130)
    }
}

let everybody = members
let terminal = Terminal()
Thread.detachNewThread {
    var line: [UInt8] = []
    var chosen = everybody
    /// Those that the line is for, and what of it is theirs; remembers them.
    func address() -> [UInt8] {
        if let one = everybody.first(where: { line.starts(with: ($0.name + " ").utf8) }) {
            chosen = [one]
            return Array(line.dropFirst(one.name.utf8.count + 1))
        }
        return line
    }
    var key: UInt8 = 0
    while unsafe Foundation.read(0, &key, 1) == 1 {  // one byte, and a variable's own place
        switch key {
        case Terminal.leave:
            terminal.end()
        case Terminal.interrupt:
            let text = address()
            for member in chosen { member.type(text + [key]) }
            line = []
        case Terminal.newline:
            let text = address()
            if text.count == line.count { chosen = everybody }
            for member in chosen { member.type(text + [key]) }
            line = []
        default:
            line.append(key)
        }
    }
    // The end of our input is the end of theirs; at a terminal nothing else could end them then.
    if isatty(0) == 1 { terminal.end() }
    for member in everybody { try? member.keyboard.fileHandleForWriting.close() }
}
for member in members { member.process.waitUntilExit() }
Thread.sleep(forTimeInterval: 0.1)  // the last lines are on their way through the handlers
terminal.restore()
