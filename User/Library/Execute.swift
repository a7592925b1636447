// Running other programs.

import SystemInterface

/// Becomes the program that the words name (each NUL-terminated), which is looked for here and then in the root. Returns only
/// with a complaint, and the exit status for it: 127 if there is no such program, 126 if it does not run.
public func execute(_ words: [[UInt8]]) -> Int32 {
    var arguments: [UnsafePointer<UInt8>?] = []
    // The words live on in this array until exec has copied them.
    for word in words { arguments.append(word.withUnsafeBufferPointer { $0.baseAddress }) }
    arguments.append(nil)
    let name = CString(arguments[0]!)
    do throws(SystemError) {
        try execute(name, arguments)
    } catch .noSuchFile where !name.bytes.contains(UInt8(ascii: "/")) {
        let path = joinPath("/", [UInt8](name.bytes))
        do throws(SystemError) {
            try path.withUnsafeBufferPointer { (path) throws(SystemError) in
                try execute(CString(path.baseAddress!), arguments)
            }
        } catch .noSuchFile {
            complain("\(name): no such program (ls / lists them)")
            return 127
        } catch {
            complain("\(name): \(error)")
        }
    } catch {
        complain("\(name): \(error)")
        return error == .noSuchFile ? 127 : 126
    }
    return 126
}

private func execute(_ path: CString, _ arguments: [UnsafePointer<UInt8>?]) throws(SystemError) {
    try arguments.withUnsafeBufferPointer { (arguments) throws(SystemError) in
        try System.exec(path, arguments.baseAddress!)
    }
}

/// Runs the program that the words name and waits for it; its exit status.
public func runProgram(_ words: [[UInt8]]) throws(SystemError) -> Int32 {
    standardOutput.flush()
    let pid = try System.fork()
    if pid == 0 { end(execute(words)) }
    while true {
        let (ended, status) = try System.wait()
        if ended == pid { return status }
    }
}

extension Arguments {
    /// Each as an array, NUL-terminated: the words of a command.
    public var words: [[UInt8]] {
        var words: [[UInt8]] = []
        for index in 0..<count { words.append([UInt8](self[index].bytes) + [0]) }
        return words
    }
}
