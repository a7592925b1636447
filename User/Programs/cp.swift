// cp: copies files.

import SystemInterface
import UserLibrary

@main enum Copy: Program {
    static let usage: StaticString = """
        usage: cp source target
               cp source ... directory
        Copies a file to the target, which is made or replaced, or files into a directory under their own names.
        Directories are not copied.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count >= 2 else { arguments.refuse("a source and a target are needed") }
        let target = Path(arguments[arguments.count - 1])
        if arguments.count > 2, !isDirectory(target) { fail("\(target): not a directory") }
        var result: Int32 = 0
        for index in 0..<arguments.count - 1 {
            let source = Path(arguments[index])
            do throws(SystemError) {
                let from = try System.open(source)
                if !copy(from, source, to: destination(of: source, in: target)) { result = 1 }
                try System.close(from)
            } catch {
                complain("\(source): \(error)")
                result = 1
            }
        }
        return result
    }

    /// False after a complaint.
    private static func copy(_ from: FileDescriptor, _ source: Path, to name: Path) -> Bool {
        do throws(SystemError) {
            let original = try System.status(from)
            if original.type == FileType.directory.rawValue {
                complain("\(source): is a directory; they are not copied")
                return false
            }
            if isSame(original, name) {
                complain("\(source) and \(name) are the same file")
                return false
            }
            let to = try System.open(name, [.create, .truncate, .writeOnly])
            var buffer = [UInt8](repeating: 0, count: 8192)
            while true {
                let count = try readPiece(from, into: &buffer)
                if count == 0 { break }
                do throws(SystemError) { try writePiece(to, buffer, count: count) } catch {
                    complain("\(name): write error: \(error)")
                    try System.close(to)
                    return false
                }
            }
            try System.close(to)
            return true
        } catch {
            complain("\(source) to \(name): \(error)")
            return false
        }
    }

    private static func isSame(_ original: FileStatus, _ name: Path) -> Bool {
        do throws(SystemError) {
            let other = try status(of: name)
            return other.inode == original.inode && other.device == original.device
        } catch {
            return false
        }
    }
}
