"""People come, choose, leave and own their data: every act in one transaction and on the record."""
