// Running other programs.

public import SystemInterface

/// Becomes the program that the first word names, which is looked for here and then in the root. Returns only with a
/// complaint, and the exit status for it: 127 if there is no such program, 126 if it does not run.
/// - Parameter words: at least one, without NULs.
public func execute(_ words: [[UInt8]]) -> Int32 {
    let name = Path(words[0])
    let arguments = ArgumentVector(words)
    let status = execute(name, arguments)
    guard status == .noSuchFile, !name.bytes.contains(UInt8(ascii: "/")) else {
        complain("\(name): \(status)")
        return status == .noSuchFile ? 127 : 126
    }
    let second = execute(("/" as Path).appending(words[0]), arguments)
    if second == .noSuchFile {
        complain("\(name): no such program (ls / lists them)")
        return 127
    }
    complain("\(name): \(second)")
    return 126
}

/// Why the program does not run.
private func execute(_ path: Path, _ arguments: borrowing ArgumentVector) -> SystemError {
    do throws(SystemError) {
        try System.exec(path, arguments)
        return .badExecutable
    } catch {
        return error
    }
}

/// Runs the program that the words name and waits for it; its exit status, as a shell's $? has it.
public func runProgram(_ words: [[UInt8]]) throws(SystemError) -> Int32 {
    standardOutput.flush()
    let pid = try System.fork()
    if pid == 0 { end(execute(words)) }
    return try System.wait(for: pid).shellStatus
}
