// Removes everything below a directory: for tests, which leave nothing behind.

import SystemInterface

public enum Remover {
    /// Empties a directory, however deep it is. What cannot be removed stays.
    public static func empty(_ path: CString) {
        var names = list(path)
        while let name = names.popLast() {
            let full = joinPath(path, name)
            full.withUnsafeBufferPointer { full in
                let victim = CString(full.baseAddress!)
                do throws(SystemError) {
                    try System.unlink(victim)
                } catch .directoryNotEmpty {
                    emptyFromWithin(victim)
                } catch {}
            }
        }
    }

    /// Paths are at most 127 bytes long: a deep tree is removed by a child that steps into it.
    private static func emptyFromWithin(_ directory: CString) {
        do throws(SystemError) {
            let pid = try System.fork()
            if pid == 0 {
                do throws(SystemError) { try System.changeDirectory(directory) } catch { System.exit(1) }
                empty(".")
                System.exit(0)
            }
            while try System.wait().pid != pid {}
            try System.unlink(directory)
        } catch {}
    }

    private static func list(_ path: CString) -> [[UInt8]] {
        var names: [[UInt8]] = []
        do throws(SystemError) {
            let directory = try System.open(path)
            var reader = DirectoryReader(directory)
            while let name = try reader.next() { names.append(name) }
            try System.close(directory)
        } catch {}
        return names
    }
}
