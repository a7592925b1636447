// pair NAME=COMMAND...: runs several guests in one terminal. Each line they print is shown behind its guest's name; a line typed
// as "NAME text" goes to that guest, any other line to all of them. Ends when all have ended.

import Foundation

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("pair: \(message)\n".utf8))
    exit(2)
}

let arguments = CommandLine.arguments.dropFirst()
if arguments.isEmpty || arguments.contains("--help") {
    print("usage: pair NAME=COMMAND...\nRuns the commands side by side; \"NAME text\" types text to one of them, any other line to all.")
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

    func type(_ text: Substring) {
        guard process.isRunning else { return }
        try? keyboard.fileHandleForWriting.write(contentsOf: Data((text + "\n").utf8))
    }
}

signal(SIGPIPE, SIG_IGN)
var members: [Member] = []
for argument in arguments {
    let parts = argument.split(separator: "=", maxSplits: 1)
    guard parts.count == 2 else { fail("\(argument): NAME=COMMAND is wanted") }
    do {
        members.append(try Member(name: String(parts[0]), command: String(parts[1])))
    } catch {
        fail("\(argument): \(error)")
    }
}

let everybody = members
Thread.detachNewThread {
    while let line = readLine() {
        if let one = everybody.first(where: { line.hasPrefix($0.name + " ") }) {
            one.type(line.dropFirst(one.name.count + 1))
        } else {
            for member in everybody { member.type(line[...]) }
        }
    }
    // The end of our input is the end of theirs.
    for member in everybody { try? member.keyboard.fileHandleForWriting.close() }
}
for member in members { member.process.waitUntilExit() }
Thread.sleep(forTimeInterval: 0.1)  // the last lines are on their way through the handlers
