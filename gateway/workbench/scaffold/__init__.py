"""The first draft of a mapping from one sample: what its elements are likely to be, and why.

survey      the sample as records, leaves and blocks of rows
vocabulary  what shops call things, in six languages and English
header      fields of the order and of its parties, by name, value and place
amounts     prices and totals, by name and by what adds up
draft       all of it as a mapping that loads, with what was not found
form        what differs between the drafts of orders and of price lists
writing     the text of the file

Of a price list: product_record (where one product is), product_words, product_prices (net, gross, levels) and
product_draft.
"""
